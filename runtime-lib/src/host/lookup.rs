//! Looking up the addresses of a name, by the C library's resolver on threads of their own.
//!
//! Names are read as the URL standard reads hosts: percent escapes, IPv4 addresses in all their
//! old ways of writing, IPv6 addresses with and without brackets, other alphabets as punycode.
//! Differs from that standard: of the mapping of characters (UTS 46) only lower case, full-width
//! forms and the ideographic full stops are done, and nothing is normalized.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;

use wasmelt_abi::PolicyFlags;

use super::fd::above_streams;
use super::{Error, Result};
use crate::sys::fd::{AsFd, BorrowedFd, OwnedFd};
use crate::sys::notice;

/// Labels with other than ASCII characters begin so once they are encoded.
const PUNYCODE_PREFIX: &str = "xn--";
/// Bytes of stack of a thread that resolves.
const STACK_BYTES: usize = 256 * 1024;
/// Threads that resolve at the same time. More names wait.
const THREADS_MAX: usize = 64;

/// Addresses of a name, or the wait for them.
#[derive(Debug)]
pub struct Lookup {
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting(Arc<Answer>),
    Done(std::vec::IntoIter<IpAddr>),
    Failed(Error),
}

/// What a thread is going to find out.
#[derive(Debug)]
pub struct Answer {
    addresses: Mutex<Option<Result<Vec<IpAddr>>>>,
    /// Readable once they are there.
    done: OwnedFd,
}

/// The names that threads resolve, the first first.
struct Queue {
    names: VecDeque<(String, Arc<Answer>)>,
    threads: usize,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue {
    names: VecDeque::new(),
    threads: 0,
});

/// What a name turns out to be.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Host {
    Address(IpAddr),
    Domain(String),
}

/// Whether the executable's policy lets the guest look up names.
#[must_use]
pub fn is_allowed() -> bool {
    crate::vm::process::program().policy.flags & PolicyFlags::ALLOW_IP_NAME_LOOKUP != 0
}

impl Lookup {
    /// Begins to look up the name. Addresses have their answer at once.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no name, otherwise the system's.
    pub fn start(name: &str) -> Result<Lookup> {
        let state = match Host::parse(name).ok_or(Error::Invalid)? {
            Host::Address(address) => State::Done(vec![address].into_iter()),
            Host::Domain(domain) => State::Waiting(Answer::ask(domain)?),
        };
        Ok(Lookup { state })
    }

    /// The next address, or nothing behind the last.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] while there is no answer, [`Error::NoEntry`] if the name has no
    /// addresses or nobody can tell.
    pub fn next_address(&mut self) -> Result<Option<IpAddr>> {
        if let State::Waiting(answer) = &self.state {
            self.state = match answer.take().ok_or(Error::WouldBlock)? {
                Ok(addresses) => State::Done(addresses.into_iter()),
                Err(error) => State::Failed(error),
            };
        }
        match &mut self.state {
            State::Done(addresses) => Ok(addresses.next()),
            State::Failed(error) => Err(*error),
            State::Waiting(_) => Err(Error::WouldBlock),
        }
    }

    /// A descriptor that is readable once there is an answer; nothing if there is.
    #[must_use]
    pub fn awaited(&self) -> Option<&Arc<Answer>> {
        match &self.state {
            State::Waiting(answer) => Some(answer),
            State::Done(_) | State::Failed(_) => None,
        }
    }
}

impl AsFd for Answer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.done.as_fd()
    }
}

impl Answer {
    /// Has a thread resolve the name.
    fn ask(domain: String) -> Result<Arc<Answer>> {
        let done = above_streams(notice::new()?)?;
        let answer = Arc::new(Answer {
            addresses: Mutex::new(None),
            done,
        });
        let mut queue = lock(&QUEUE);
        if queue.threads < THREADS_MAX {
            match Builder::new().stack_size(STACK_BYTES).spawn(resolve_all) {
                Ok(_) => queue.threads += 1,
                // Another one is going to come to it.
                Err(_) if queue.threads > 0 => {}
                Err(error) => return Err(error.into()),
            }
        }
        queue.names.push_back((domain, Arc::clone(&answer)));
        Ok(answer)
    }

    fn put(&self, addresses: Result<Vec<IpAddr>>) {
        *lock(&self.addresses) = Some(addresses);
        notice::give(&self.done);
    }

    fn take(&self) -> Option<Result<Vec<IpAddr>>> {
        lock(&self.addresses).take()
    }
}

/// What a thread does: all names that nobody else resolves.
fn resolve_all() {
    loop {
        let mut queue = lock(&QUEUE);
        let Some((domain, answer)) = queue.names.pop_front() else {
            queue.threads -= 1;
            return;
        };
        drop(queue);
        // Whoever has given up has let go of the answer.
        if Arc::strong_count(&answer) > 1 {
            answer.put(resolve(&domain));
        }
    }
}

/// No code panics with such a lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn resolve(domain: &str) -> Result<Vec<IpAddr>> {
    let addresses = (domain, 0).to_socket_addrs().map_err(|_| Error::NoEntry)?;
    Ok(addresses
        .map(|address| address.ip().to_canonical())
        .collect())
}

impl Host {
    fn parse(name: &str) -> Option<Host> {
        if let Some(address) = name.strip_prefix('[') {
            let address: Ipv6Addr = address.strip_suffix(']')?.parse().ok()?;
            return Some(Host::Address(address.into()));
        }
        if let Ok(address) = name.parse::<Ipv6Addr>() {
            return Some(Host::Address(address.into()));
        }
        let domain = to_ascii(&percent_decoded(name))?;
        if domain.is_empty() || !domain.bytes().all(is_permitted) {
            return None;
        }
        if !ends_in_number(&domain) {
            return Some(Host::Domain(domain));
        }
        Some(Host::Address(ipv4(&domain)?.into()))
    }
}

/// Whether the byte can stand in the ASCII form of a domain.
fn is_permitted(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"#/:<>?@[\\]^|%".contains(&byte)
}

fn percent_decoded(name: &str) -> String {
    let mut bytes = name.bytes();
    let mut decoded = Vec::with_capacity(name.len());
    while let Some(byte) = bytes.next() {
        let mut digits = bytes.clone();
        let mut digit = || char::from(digits.next()?).to_digit(16);
        match (byte, digit(), digit()) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                bytes = digits;
            }
            _ => decoded.push(byte),
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// In lower case, with labels of other alphabets encoded.
fn to_ascii(name: &str) -> Option<String> {
    let mapped: String = name
        .chars()
        .map(|char| match char {
            '\u{3002}' | '\u{ff0e}' | '\u{ff61}' => '.',
            '\u{ff01}'..='\u{ff5e}' => {
                char::from_u32(u32::from(char) - 0xff01 + u32::from('!')).unwrap_or(char)
            }
            char => char,
        })
        .flat_map(char::to_lowercase)
        .collect();
    let labels: Option<Vec<String>> = mapped
        .split('.')
        .map(|label| {
            if label.is_ascii() {
                Some(label.to_owned())
            } else {
                Some(format!("{PUNYCODE_PREFIX}{}", punycode(label)?))
            }
        })
        .collect();
    Some(labels?.join("."))
}

/// The encoding of RFC 3492, section 6.3.
fn punycode(label: &str) -> Option<String> {
    const BASE: u32 = 36;
    const THRESHOLD_MIN: u32 = 1;
    const THRESHOLD_MAX: u32 = 26;

    let mut encoded: String = label.chars().filter(char::is_ascii).collect();
    let ascii = u32::try_from(encoded.len()).ok()?;
    if ascii > 0 {
        encoded.push('-');
    }
    let (mut next, mut delta, mut bias, mut handled) = (128_u32, 0_u32, 72_u32, ascii);
    let count = u32::try_from(label.chars().count()).ok()?;
    while handled < count {
        let smallest = label.chars().map(u32::from).filter(|char| *char >= next);
        let smallest = smallest.min()?;
        let step = (smallest - next).checked_mul(handled + 1)?;
        delta = delta.checked_add(step)?;
        next = smallest;
        for char in label.chars().map(u32::from) {
            if char < next {
                delta = delta.checked_add(1)?;
            }
            if char != next {
                continue;
            }
            let mut rest = delta;
            for position in (BASE..).step_by(BASE as usize) {
                let threshold = position
                    .saturating_sub(bias)
                    .clamp(THRESHOLD_MIN, THRESHOLD_MAX);
                if rest < threshold {
                    break;
                }
                let digits = BASE - threshold;
                encoded.push(digit(threshold + (rest - threshold) % digits)?);
                rest = (rest - threshold) / digits;
            }
            encoded.push(digit(rest)?);
            bias = adapted(delta, handled + 1, handled == ascii);
            delta = 0;
            handled += 1;
        }
        delta = delta.checked_add(1)?;
        next += 1;
    }
    Some(encoded)
}

fn digit(value: u32) -> Option<char> {
    let letter = u8::try_from(value).ok()?;
    Some(char::from(match letter {
        0..=25 => b'a' + letter,
        _ => b'0' + (letter - 26),
    }))
}

/// The `adapt` of RFC 3492, section 6.1.
fn adapted(delta: u32, handled: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / handled;
    let mut steps = 0;
    while delta > 455 {
        delta /= 35;
        steps += 36;
    }
    steps + 36 * delta / (delta + 38)
}

/// Whether it has to be an IPv4 address.
fn ends_in_number(domain: &str) -> bool {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let last = domain.rsplit('.').next().unwrap_or(domain);
    let digits = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    digits || number(last).is_some()
}

/// One to four numbers; the last fills all the bytes that are left.
fn ipv4(domain: &str) -> Option<Ipv4Addr> {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let parts: Option<Vec<u64>> = domain.split('.').map(number).collect();
    let parts = parts?;
    let (last, before) = parts.split_last()?;
    let bits_left = 32_u32.checked_sub(8 * u32::try_from(before.len()).ok()?)?;
    if bits_left == 0 || *last >= 1 << bits_left {
        return None;
    }
    let mut address = *last;
    for (shift, part) in (0..32).step_by(8).rev().zip(before) {
        address |= u64::from(u8::try_from(*part).ok()?) << shift;
    }
    Some(Ipv4Addr::from_bits(u32::try_from(address).ok()?))
}

/// Decimal, octal behind `0`, hexadecimal behind `0x`, of which no digits are 0.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let hexadecimal = text.strip_prefix("0x");
    let octal = text.strip_prefix('0').filter(|digits| !digits.is_empty());
    let (digits, radix) = match (hexadecimal, octal) {
        (Some(digits), _) => (digits, 16),
        (None, Some(digits)) => (digits, 8),
        (None, None) => (text, 10),
    };
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    if digits.is_empty() {
        return Some(0);
    }
    // What is too large for this is too large for an address.
    Some(u64::from_str_radix(digits, radix).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(name: &str) -> String {
        match Host::parse(name) {
            Some(Host::Address(address)) => format!("={address}"),
            Some(Host::Domain(domain)) => domain,
            None => "invalid".to_owned(),
        }
    }

    #[test]
    fn hosts_are_read_as_in_urls() {
        let cases = [
            ("Example.COM", "example.com"),
            ("localhost.", "localhost."),
            ("a..b", "a..b"),
            ("a_b", "a_b"),
            ("%6cocal%48ost", "localhost"),
            ("127.0.0.1", "=127.0.0.1"),
            ("127.1", "=127.0.0.1"),
            ("0x7f.1.", "=127.0.0.1"),
            ("017700000001", "=127.0.0.1"),
            ("4294967295", "=255.255.255.255"),
            ("4294967296", "invalid"),
            ("256.1.1.1", "invalid"),
            ("1.2.3.4.5", "invalid"),
            ("1.2.3.08", "invalid"),
            ("x.0x", "invalid"),
            ("::1", "=::1"),
            ("[::1]", "=::1"),
            ("[::1", "invalid"),
            ("[127.0.0.1]", "invalid"),
            ("", "invalid"),
            ("a b", "invalid"),
            ("a%20b", "invalid"),
            ("a%", "invalid"),
            ("a:80", "invalid"),
            ("\u{ff11}\u{3002}1", "=1.0.0.1"),
        ];
        for (name, expected) in cases {
            assert_eq!(parsed(name), expected, "{name}");
        }
    }

    #[test]
    fn other_alphabets_become_punycode() {
        // The first two are samples of RFC 3492, section 7.1.
        let cases = [
            ("他们为什么不说中文", "xn--ihqwcrb4cv8a8dqg056pqjye"),
            (
                "Pročprostěnemluvíčesky",
                "xn--proprostnemluvesky-uyb24dma41a",
            ),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER", "xn--bcher-kva"),
        ];
        for (name, expected) in cases {
            assert_eq!(parsed(name), expected, "{name}");
        }
    }

    fn all(name: &str) -> Result<Vec<IpAddr>> {
        let mut lookup = Lookup::start(name)?;
        let mut addresses = Vec::new();
        loop {
            match lookup.next_address() {
                Ok(Some(address)) => addresses.push(address),
                Ok(None) => return Ok(addresses),
                Err(Error::WouldBlock) => {
                    assert!(lookup.awaited().is_some());
                    std::thread::yield_now();
                }
                Err(error) => return Err(error),
            }
        }
    }

    #[test]
    fn addresses_need_no_resolver() {
        let mut lookup = Lookup::start("127.0.0.1").unwrap();
        assert!(lookup.awaited().is_none());
        let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
        assert_eq!(lookup.next_address(), Ok(Some(loopback)));
        assert_eq!(lookup.next_address(), Ok(None));
        assert_eq!(Lookup::start("a b").unwrap_err(), Error::Invalid);
    }

    #[test]
    fn many_names_share_a_few_threads() {
        let mut lookups: Vec<Lookup> = (0..100)
            .map(|_| Lookup::start("localhost").unwrap())
            .collect();
        assert!(lock(&QUEUE).threads <= THREADS_MAX);
        // Every other one is given up.
        lookups = lookups.into_iter().step_by(2).collect();
        for mut lookup in lookups {
            while lookup.next_address() == Err(Error::WouldBlock) {
                std::thread::yield_now();
            }
            assert!(lookup.awaited().is_none());
        }
    }

    #[test]
    fn localhost_is_here() {
        let addresses = all("localhost").unwrap();
        assert!(!addresses.is_empty());
        assert!(addresses.iter().all(IpAddr::is_loopback), "{addresses:?}");
    }
}
