//! How many processors a server may keep busy: those that the process may run on, and no more than
//! its control groups grant it time for, versions 1 and 2.
//!
//! A limit of one and a half is worth two workers: each can then use what the other leaves.

use rustix::fs::{Mode, OFlags, open};
use rustix::io::{read, retry_on_intr};
use rustix::thread::{CpuSet, sched_getaffinity};

/// Where control groups are found.
const ROOT: &str = "/sys/fs/cgroup";

/// The kernel's files of a line or a few; longer ones are cut.
const FILE_BYTES_MAX: usize = 4096;

/// At least one.
pub(super) fn count() -> usize {
    let allowed = sched_getaffinity(None).map_or(1, |set: CpuSet| set.count() as usize);
    let granted = text_of("/proc/self/cgroup").and_then(|groups| granted(&groups, &text_of));
    allowed.min(granted.unwrap_or(usize::MAX)).max(1)
}

fn text_of(path: &str) -> Option<String> {
    let fd = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut bytes = vec![0; FILE_BYTES_MAX];
    let count = retry_on_intr(|| read(&fd, &mut bytes[..])).ok()?;
    bytes.truncate(count);
    String::from_utf8(bytes).ok()
}

/// The processors that the groups of a process, as `/proc/self/cgroup` lists them, grant it, if any
/// limits them. Whoever is in a group is in those above it; in a container, what is listed may be
/// the path outside of it, while the files are those of the container at the top.
fn granted(groups: &str, text_of: &dyn Fn(&str) -> Option<String>) -> Option<usize> {
    let limits = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let limit = |folder: &str| {
            let number = |name: &str| {
                let path = [ROOT, "/", controllers, folder, "/", name].concat();
                number(&text_of(&path)?)
            };
            match controllers {
                "" => of_version_2(&text_of(&[ROOT, folder, "/cpu.max"].concat())?),
                _ => processors(number("cpu.cfs_quota_us")?, number("cpu.cfs_period_us")?),
            }
        };
        let counts = controllers.is_empty() || controllers.split(',').any(|name| name == "cpu");
        counts.then(|| upwards(path).filter_map(limit).min())?
    });
    limits.min()
}

/// A path, and all above it, the top as nothing.
fn upwards(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path.trim_end_matches('/')), |path| {
        path.rfind('/').map(|end| &path[..end])
    })
}

/// `cpu.max`: time in a period, or `max`, and the period.
fn of_version_2(text: &str) -> Option<usize> {
    let (quota, period) = text.split_once(' ')?;
    processors(number(quota)?, number(period)?)
}

/// Nothing for what says that there is no limit: `max`, and -1.
fn number(text: &str) -> Option<u64> {
    text.trim_ascii_end().parse().ok()
}

fn processors(quota: u64, period: u64) -> Option<usize> {
    (period > 0).then(|| quota.div_ceil(period).max(1) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted_by(groups: &str, files: &[(&str, &str)]) -> Option<usize> {
        granted(groups, &|path| {
            let found = files.iter().find(|(known, _)| *known == path);
            found.map(|(_, text)| (*text).to_owned())
        })
    }

    #[test]
    fn the_tightest_group_counts() {
        let groups = "0::/kube.slice/pod/container\n";
        let files = [
            (
                "/sys/fs/cgroup/kube.slice/pod/container/cpu.max",
                "max 100000\n",
            ),
            ("/sys/fs/cgroup/kube.slice/pod/cpu.max", "250000 100000\n"),
            ("/sys/fs/cgroup/kube.slice/cpu.max", "800000 100000\n"),
        ];
        assert_eq!(granted_by(groups, &files), Some(3));
        assert_eq!(granted_by(groups, &files[2..]), Some(8));
        assert_eq!(granted_by(groups, &files[..1]), None);
        assert_eq!(granted_by(groups, &[]), None);
    }

    #[test]
    fn a_container_has_its_limit_at_the_top() {
        let files = [("/sys/fs/cgroup/cpu.max", "50000 100000\n")];
        assert_eq!(granted_by("0::/\n", &files), Some(1));
        assert_eq!(granted_by("0::/../../outside\n", &files), Some(1));
    }

    #[test]
    fn version_1_has_two_files() {
        let groups = "12:memory:/a\n4:cpu,cpuacct:/docker/x\n3:cpuset:/a\n0::/b\n";
        let folder = "/sys/fs/cgroup/cpu,cpuacct";
        let quota = format!("{folder}/docker/x/cpu.cfs_quota_us");
        let period = format!("{folder}/docker/x/cpu.cfs_period_us");
        let files = [(&*quota, "150000\n"), (&*period, "100000\n")];
        assert_eq!(granted_by(groups, &files), Some(2));
        assert_eq!(granted_by(groups, &[(&*quota, "-1\n"), files[1]]), None);
        assert_eq!(granted_by(groups, &files[..1]), None);
        let both = [
            files[0],
            files[1],
            ("/sys/fs/cgroup/b/cpu.max", "1000 100000"),
        ];
        assert_eq!(granted_by(groups, &both), Some(1));
    }

    #[test]
    fn what_is_not_understood_limits_nothing() {
        for text in ["", "max", "100000", "x 1", "1 0", "-5 100000"] {
            assert_eq!(of_version_2(text), None, "{text}");
        }
        assert_eq!(granted_by("no groups\n::\n", &[]), None);
        assert!(count() >= 1);
    }
}
