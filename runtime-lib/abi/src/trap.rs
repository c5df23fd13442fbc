//! The ways in which compiled code stops.

/// Texts that an executable holds, one behind the other, and their lengths: addresses would take as
/// much room as the texts.
struct Texts {
    codes: &'static [TrapCode],
    text: &'static str,
    lengths: &'static [u8],
}

macro_rules! traps {
    ($(
        $(#[$group_doc:meta])*
        $group:ident { $( $(#[$doc:meta])* $name:ident = $code:literal, $message:literal; )* }
    )*) => {
        /// Why compiled code stopped. The numbers are Cranelift user trap codes and the bytes of
        /// the executable's trap table.
        #[repr(u8)]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum TrapCode {
            $($( $(#[$doc])* $name = $code, )*)*
        }

        const ALL: &[TrapCode] = &[$($( TrapCode::$name, )*)*];

        $(
            $(#[$group_doc])*
            const $group: Texts = Texts {
                codes: &[$( TrapCode::$name ),*],
                text: concat!($( $message ),*),
                lengths: &[$( $message.len() as u8 ),*],
            };
        )*
    };
}

impl Texts {
    fn find(&self, trap: TrapCode) -> Option<&'static str> {
        let mut rest = self.text;
        for (code, &len) in self.codes.iter().zip(self.lengths) {
            // A panic would bring its machinery into every executable.
            let (text, behind) = rest.split_at_checked(len.into())?;
            if *code == trap {
                return Some(text);
            }
            rest = behind;
        }
        None
    }
}

impl TrapCode {
    /// The text after `wasm trap: `.
    #[must_use]
    pub fn message(self) -> &'static str {
        let text = self.core_message().or_else(|| self.component_message());
        text.unwrap_or_default()
    }

    /// The text, if programs without components trap so.
    #[must_use]
    pub fn core_message(self) -> Option<&'static str> {
        CORE.find(self)
    }

    /// The text, if only programs of components trap so.
    #[must_use]
    pub fn component_message(self) -> Option<&'static str> {
        COMPONENT.find(self)
    }

    /// The trap with this number, if there is one.
    #[must_use]
    pub fn from_u8(code: u8) -> Option<TrapCode> {
        ALL.iter().find(|trap| **trap as u8 == code).copied()
    }
}

traps! {
    /// Of every program.
    CORE {
        Unreachable = 1, "wasm `unreachable` instruction executed";
        MemoryOutOfBounds = 2, "out of bounds memory access";
        TableOutOfBounds = 3, "undefined element: out of bounds table access";
        IndirectCallToNull = 4, "uninitialized element";
        BadSignature = 5, "indirect call type mismatch";
        IntegerOverflow = 6, "integer overflow";
        IntegerDivisionByZero = 7, "integer divide by zero";
        BadConversionToInteger = 8, "invalid conversion to integer";
        StackOverflow = 9, "call stack exhausted";
        NullReference = 10, "null reference";
        HeapMisaligned = 11, "unaligned atomic";
        UncaughtException = 12, "thrown Wasm exception";
        AtomicWaitNonSharedMemory = 13, "atomic wait on non-shared memory";
        CastFailure = 14, "cast failure";
        ArrayOutOfBounds = 15, "out of bounds array access";
        AllocationTooLarge = 16, "allocation size too large";
        /// Only with `-W unknown-imports-trap`.
        UnknownImport = 18, "call of an import that nothing provides";
        /// A table element outside a bulk operation's bounds has its own text.
        TableAccessOutOfBounds = 17, "out of bounds table access";
        PointerMisaligned = 34, "pointer not aligned";
        /// An imported memory or table has not grown to the size that its importer asks for.
        ImportTooSmall = 19, "incompatible import type";
    }
    /// Of components and of their host functions.
    COMPONENT {
        CannotEnter = 20, "cannot enter component instance";
        CannotLeave = 21, "cannot leave component instance";
        UnknownHandle = 22, "unknown handle index";
        HandleType = 23, "handle index used with the wrong type";
        HandleNotOwned = 24, "cannot lift own resource from a borrow";
        HandleLent = 25, "cannot remove owned resource while borrowed";
        BorrowsRemain = 26, "borrow handles still remain at the end of the call";
        HandlesExhausted = 27, "resource table has no free keys";
        InvalidChar = 28, "invalid `char` bit pattern";
        InvalidDiscriminant = 29, "invalid variant discriminant";
        InvalidString = 30, "invalid utf-8 sequence";
        StringOutOfBounds = 31, "string content out-of-bounds";
        ListOutOfBounds = 32, "list content out-of-bounds";
        ListTooLong = 33, "list or string is too long";
        ReallocOutOfBounds = 35, "realloc return: beyond end of memory";
        ReallocMisaligned = 36, "realloc return: result not aligned";
        InvalidUtf16 = 37, "invalid utf-16 sequence";
        UncaughtInComponent = 38, "uncaught exception propagated out of component";
        /// As [`TrapCode::PointerMisaligned`], in a call from one component to another.
        UnalignedPointer = 39, "unaligned pointer";
        CannotBlock = 40, "cannot block a synchronous task before returning";
        Deadlock = 41, "deadlock detected: event loop cannot make further progress";
        NoAsyncResult = 42, "async-lifted export failed to produce a result";
        TaskNotCancelled = 43, "`task.cancel` called by task which has not been cancelled";
        TaskResolvedTwice = 44, "`task.return` or `task.cancel` called more than once for current task";
        TaskReturnInvalid = 45, "invalid `task.return` signature and/or options for current task";
        SubtaskTerminal = 46, "`subtask.cancel` called after terminal status delivered";
        SubtaskUnresolved = 47, "cannot drop a subtask which has not yet resolved";
        WaitableSetInUse = 48, "cannot drop waitable set with waiters";
        WaitableInSet = 49, "waitable cannot be used synchronously while added to a waitable set";
        UnsupportedCallbackCode = 50, "unsupported callback code";
        BackpressureOverflow = 51, "backpressure counter overflow";
        /// The system has no memory for the stack of a task.
        NoStack = 52, "no memory for the stack of a task";
        CopyTwice = 53, "cannot have concurrent operations active on a future/stream";
        EndDone = 54, "cannot use a future/stream after it has ended";
        EndBusy = 55, "cannot remove busy future/stream";
        EndInSet = 56, "cannot lift a future/stream while it's in a waitable set";
        FutureNotWritten = 57, "cannot drop future write end without first writing a value";
        /// Bytes and other numbers may be read where they were written.
        CopyWithinInstance = 58,
            "cannot read from and write to intra-component future/stream with non-numeric payload";
        NothingToCancel = 59, "no read or write of the future/stream to cancel";
        CopyTooLong = 60, "stream read/write count too large";
        TransferTooLarge = 61, "too much data in one read or write of a future/stream";
        /// What host functions of WASI 0.2 refuse.
        EmptyPollList = 64, "empty poll list";
        WriteNotPermitted = 65, "not permitted to write so many bytes";
        BlockingWriteTooLong = 66, "buffer too large for a blocking write (expected at most 4096 bytes)";
        TooManyRandomBytes = 67, "too many random bytes requested at once (expected at most 64 MiB)";
        DatagramStreamsOpen = 68, "udp streams not dropped yet";
        SendNotPermitted = 69, "not permitted to send so many datagrams";
        NoRandomBytes = 72, "the system has no random bytes";
        FieldsTooLarge = 75, "total size of fields exceeds limit";
        ChildrenRemain = 76, "resource has children";
        UnknownThread = 73, "unknown thread index";
        ThreadNotSuspended = 74, "cannot resume thread which is not suspended";
        /// A server has given up waiting for it, or it has called `exit`.
        Interrupted = 77, "interrupt";
    }
}
