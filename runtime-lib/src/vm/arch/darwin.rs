//! What macOS tells of a thread that it interrupts.

use crate::vm::trap::RecoveryPoint;

#[cfg(target_arch = "aarch64")]
type State = libc::__darwin_arm_thread_state64;
#[cfg(target_arch = "x86_64")]
type State = libc::__darwin_x86_thread_state64;

/// The registers of the thread that a signal interrupted.
#[derive(Debug)]
pub(in crate::vm) struct Registers<'a>(&'a mut State);

impl<'a> Registers<'a> {
    /// # Safety
    /// `context` is the third argument of a handler that is running now.
    pub(in crate::vm) unsafe fn new(context: *mut libc::c_void) -> Registers<'a> {
        let context: *mut libc::ucontext_t = context.cast();
        // SAFETY: the system passes a valid structure, with a pointer to another that nothing else
        // refers to.
        Registers(unsafe { &mut (*(*context).uc_mcontext).__ss })
    }

    pub(in crate::vm) fn pc(&self) -> usize {
        let (pc, _, _) = self.fields();
        *pc as usize
    }

    pub(in crate::vm) fn sp(&self) -> usize {
        let (_, sp, _) = self.fields();
        *sp as usize
    }

    pub(in crate::vm) fn fp(&self) -> usize {
        let (_, _, fp) = self.fields();
        *fp as usize
    }

    /// Makes the thread continue at a recovery point when the handler returns.
    pub(in crate::vm) fn continue_at(&mut self, point: &RecoveryPoint) {
        let state = &mut *self.0;
        #[cfg(target_arch = "aarch64")]
        let (pc, sp, fp) = (&mut state.__pc, &mut state.__sp, &mut state.__fp);
        #[cfg(target_arch = "x86_64")]
        let (pc, sp, fp) = (&mut state.__rip, &mut state.__rsp, &mut state.__rbp);
        *pc = point.pc as u64;
        *sp = point.sp as u64;
        *fp = point.fp as u64;
    }

    fn fields(&self) -> (&u64, &u64, &u64) {
        #[cfg(target_arch = "aarch64")]
        return (&self.0.__pc, &self.0.__sp, &self.0.__fp);
        #[cfg(target_arch = "x86_64")]
        return (&self.0.__rip, &self.0.__rsp, &self.0.__rbp);
    }
}
