//! Stores in directories of the tests' own.

use super::*;

fn store() -> (tempfile::TempDir, Rc<Store>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("text").as_bytes();
    let store = Store::open(path).expect("it is there");
    (folder, Rc::new(store))
}

fn write(store: &Rc<Store>, container: &str, object: &str, bytes: &[u8]) -> Result<()> {
    let draft = store.begin()?;
    draft.append(bytes, 0)?;
    draft.put_all(&[Place::new(container, object)?])
}

fn read(store: &Store, container: &str, object: &str) -> Result<Vec<u8>> {
    let object = store.container(container)?.open(object)?;
    Ok(object.file.read_at(object.bytes as usize, 0)?)
}

/// Everything that is in a directory, temporary files too.
fn files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("it is there");
    let counts = entries.map(|entry| {
        let path = entry.expect("it is there").path();
        1 + if path.is_dir() { files(&path) } else { 0 }
    });
    counts.sum()
}

#[test]
fn objects_of_any_name_are_kept() {
    let (folder, store) = store();
    let long = "\u{e9}x/".repeat(256);
    let names = [
        "", ".", "..", "../x", "/", "a/b", "A", "a", "%", "%.1", "nul", &long,
    ];
    for container in ["", "..", &long] {
        assert!(matches!(
            store.container(container),
            Err(Error::NoContainer)
        ));
        store.create(container).expect("it is new");
        assert!(matches!(
            store.create(container),
            Err(Error::ContainerExists)
        ));
        for name in names {
            assert_eq!(write(&store, container, name, name.as_bytes()), Ok(()));
        }
        for name in names {
            let found = read(&store, container, name);
            assert_eq!(found.as_deref(), Ok(name.as_bytes()));
        }
        let mut sorted = names.map(str::to_owned).to_vec();
        sorted.sort_unstable();
        let opened = store.container(container).expect("it is there");
        assert_eq!(opened.names(), Ok(sorted.clone()));
        assert_eq!(opened.remove(&sorted[1..]), Ok(()));
        assert_eq!(opened.names(), Ok(vec![String::new()]));
        assert!(opened.created().expect("it has been") > 1_600_000_000);
    }
    for container in ["", "..", &long] {
        assert_eq!(store.delete(container), Ok(()));
        assert_eq!(store.delete(container), Err(Error::NoContainer));
    }
    assert_eq!(files(folder.path()), 0);
}

#[test]
fn whoever_reads_an_object_reads_what_it_was() {
    let (folder, store) = store();
    store.create("c").expect("it is new");
    write(&store, "c", "x", b"before").expect("there is room");
    let object = store.container("c").and_then(|c| c.open("x"));
    let object = object.expect("it is there");
    write(&store, "c", "x", b"after").expect("there is room");
    assert_eq!(object.file.read_at(100, 0).as_deref(), Ok(&b"before"[..]));
    assert_eq!(read(&store, "c", "x").as_deref(), Ok(&b"after"[..]));
    // What is not finished is nowhere.
    let draft = store.begin().expect("there is room");
    draft.append(b"half", 0).expect("there is room");
    drop(draft);
    assert_eq!(files(folder.path()), 2);
}

#[test]
#[cfg(target_os = "linux")]
fn what_a_killed_process_has_left_is_removed() {
    let (folder, store) = store();
    store.create("c").expect("it is new");
    let left = folder.path().join(format!("%.{:032x}", 7));
    std::fs::write(&left, "half").expect("it is new");
    let path = folder.path().to_str().expect("text").as_bytes();
    let draft = store.begin().expect("there is room");
    draft.append(b"all", 0).expect("there is room");
    let other = Store::open(path).expect("it is there");
    assert!(!left.exists());
    // What somebody writes is nothing that was left.
    let place = Place::new("c", "x").expect("short");
    assert_eq!(draft.put_all(&[place]), Ok(()));
    assert_eq!(read(&other, "c", "x").as_deref(), Ok(&b"all"[..]));
    assert_eq!(files(folder.path()), 2);
}

#[test]
fn objects_are_copied_and_moved() {
    let (folder, store) = store();
    let long = "x".repeat(1000);
    let place = |container: &str, object: &str| Place::new(container, object).expect("short");
    for name in ["a", "b"] {
        store.create(name).expect("it is new");
    }
    write(&store, "a", "x", &[7; 600_000]).expect("there is room");
    assert_eq!(store.copy(&place("a", "x"), &place("b", &long)), Ok(()));
    assert_eq!(store.rename(&place("a", "x"), &place("a", "y")), Ok(()));
    assert_eq!(store.rename(&place("b", &long), &place("a", &long)), Ok(()));
    assert_eq!(read(&store, "a", &long), Ok(vec![7; 600_000]));
    assert_eq!(read(&store, "a", "y"), Ok(vec![7; 600_000]));
    let missing = [
        (place("a", "x"), place("a", "z"), Error::NoObject),
        (place("none", "x"), place("a", "z"), Error::NoContainer),
        (place("a", "y"), place("none", "z"), Error::NoContainer),
    ];
    for (from, to, error) in missing {
        assert_eq!(store.copy(&from, &to), Err(error.clone()));
        assert_eq!(store.rename(&from, &to), Err(error));
    }
    store.delete("b").expect("it is there");
    // The container, `y`, and the long name's four directories with its file.
    assert_eq!(files(folder.path()), 1 + 1 + 5);
}

#[test]
fn what_is_no_object_is_left_alone() {
    let (folder, store) = store();
    store.create("c").expect("it is new");
    let inner = folder.path().join("c");
    std::fs::create_dir(inner.join("folder")).expect("it is new");
    std::fs::write(inner.join("a b"), "no name has this path").expect("it is new");
    std::fs::write(folder.path().join("file"), "no container").expect("it is new");
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/passwd", inner.join("link")).expect("it is new");
    let container = store.container("c").expect("it is there");
    assert_eq!(container.names(), Ok(vec![]));
    for name in ["folder", "link", "a b"] {
        assert!(
            matches!(container.open(name), Err(Error::NoObject)),
            "{name}"
        );
        assert_eq!(container.stat(name), Err(Error::NoObject));
        assert_eq!(container.remove(&[name.to_owned()]), Ok(()));
    }
    assert!(matches!(store.container("file"), Err(Error::NoContainer)));
    assert!(matches!(store.create("file"), Err(Error::ContainerExists)));
    assert!(files(&inner) >= 2);
    assert_eq!(store.delete("c"), Ok(()));
    assert!(matches!(
        Store::open(b"/nowhere/at/all"),
        Err(Error::NoStore(_))
    ));
}

#[test]
fn directories_of_long_names_come_and_go() {
    let (folder, store) = store();
    store.create("c").expect("it is new");
    let path = folder.path().to_str().expect("text").to_owned();
    let threads = (0..4).map(|number| {
        let path = path.clone();
        std::thread::spawn(move || {
            let store = Rc::new(Store::open(path.as_bytes()).expect("it is there"));
            let name = format!("{}{number}", "x".repeat(700));
            let container = store.container("c").expect("it is there");
            for round in 0..20_u8 {
                write(&store, "c", &name, &[round]).expect("there is room");
                assert_eq!(read(&store, "c", &name), Ok(vec![round]));
                container
                    .remove(std::slice::from_ref(&name))
                    .expect("it is there");
            }
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.join().expect("no panic");
    }
    assert_eq!(files(folder.path()), 1);
}
