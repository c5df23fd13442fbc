//! Container images: an OCI image layout in one tar file, with one image for each platform.
//!
//! ```text
//! oci-layout
//! index.json ─▶ manifest of a platform, or an index of those of several
//! blobs/sha256/…: indexes, manifests, configurations, layers
//! ```
//!
//! A layer has the executable at `/NAME` and the directories that it is granted, and nothing else.
//! Nothing in the file depends on when or where it was made.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Component, Path};

use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use tar::{EntryType, Header};

use crate::digest::sha256;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// What all platforms have in common.
#[derive(Debug)]
pub(crate) struct Image<'a> {
    /// Of the executable, in the root of the file system.
    pub(crate) file_name: &'a str,
    /// `NAME:TAG`: what it is called where it is loaded.
    pub(crate) reference: &'a str,
    pub(crate) labels: &'a BTreeMap<String, String>,
    /// `UID` or `UID:GID`.
    pub(crate) user: Option<&'a str>,
    /// Where it listens, if it is a server.
    pub(crate) port: Option<u16>,
    /// Directories that the executable opens.
    pub(crate) directories: Vec<&'a Path>,
}

/// An executable and where it runs.
#[derive(Debug)]
pub(crate) struct Platform {
    /// As OCI calls it.
    pub(crate) architecture: &'static str,
    pub(crate) executable: Vec<u8>,
}

/// The tar file of an image for all of `platforms`, of which there is at least one.
///
/// # Errors
/// None that writing into memory does not have.
pub(crate) fn archive(image: &Image<'_>, platforms: &[Platform]) -> io::Result<Vec<u8>> {
    let mut blobs = Blobs::default();
    let mut manifests = Vec::new();
    let mut first = None;
    for platform in platforms {
        let layer = layer(image, &platform.executable)?;
        let diff_id = digest(&layer);
        let layer = blobs.add(LAYER, compressed(&layer)?);
        let config = json!({
            "architecture": platform.architecture,
            "os": "linux",
            "config": config(image),
            "rootfs": { "type": "layers", "diff_ids": [diff_id] },
            "history": [{ "created_by": concat!("wasmelt ", env!("CARGO_PKG_VERSION")) }],
        });
        let config = blobs.add(CONFIG, config.to_string().into_bytes());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": &config,
            "layers": [&layer],
            "annotations": image.labels,
        });
        let mut manifest = blobs.add(MANIFEST, manifest.to_string().into_bytes());
        manifest["platform"] = json!({ "architecture": platform.architecture, "os": "linux" });
        manifests.push(manifest);
        first.get_or_insert((config, layer));
    }
    let mut root = match <[Value; 1]>::try_from(manifests) {
        Ok([manifest]) => manifest,
        Err(manifests) => {
            let index = json!({
                "schemaVersion": 2,
                "mediaType": INDEX,
                "manifests": manifests,
                "annotations": image.labels,
            });
            blobs.add(INDEX, index.to_string().into_bytes())
        }
    };
    let tag = image
        .reference
        .rsplit_once(':')
        .map_or("latest", |(_, tag)| tag);
    root["annotations"] = json!({
        "org.opencontainers.image.ref.name": tag,
        "io.containerd.image.name": image.reference,
    });
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [root] });
    let mut files = blobs.files;
    let mut add =
        |name: &str, value: Value| files.insert(name.to_owned(), value.to_string().into_bytes());
    add("oci-layout", json!({ "imageLayoutVersion": "1.0.0" }));
    add("index.json", index);
    if let (Some((config, layer)), [_]) = (first, platforms) {
        // What `docker load` reads where it does not know image layouts.
        let entry = json!([{
            "Config": blob_path(&config),
            "RepoTags": [image.reference],
            "Layers": [blob_path(&layer)],
        }]);
        add("manifest.json", entry);
    }
    let mut tar = tar::Builder::new(Vec::new());
    for folder in ["blobs/", "blobs/sha256/"] {
        append(&mut tar, folder, EntryType::Directory, 0o755, (0, 0), &[])?;
    }
    for (name, bytes) in &files {
        append(&mut tar, name, EntryType::Regular, 0o644, (0, 0), bytes)?;
    }
    tar.into_inner()
}

/// What is run, as the configuration of an image says it.
fn config(image: &Image<'_>) -> Value {
    let mut config = json!({
        "Entrypoint": [format!("/{}", image.file_name)],
        "WorkingDir": "/",
        "Labels": image.labels,
    });
    if let Some(user) = image.user {
        config["User"] = json!(user);
    }
    if let Some(port) = image.port {
        config["ExposedPorts"] = json!({ format!("{port}/tcp"): {} });
    }
    config
}

/// The file system: a tar file.
fn layer(image: &Image<'_>, executable: &[u8]) -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    let owner = owner(image.user);
    for folder in folders(&image.directories) {
        append(&mut tar, &folder, EntryType::Directory, 0o755, owner, &[])?;
    }
    let file = EntryType::Regular;
    append(&mut tar, image.file_name, file, 0o755, (0, 0), executable)?;
    tar.into_inner()
}

/// The granted directories and those above them, as paths within the root, each before those in it.
fn folders(directories: &[&Path]) -> BTreeSet<String> {
    let mut folders = BTreeSet::new();
    for directory in directories {
        let mut names = Vec::new();
        for component in directory.components() {
            match component {
                Component::Normal(name) => names.push(name.to_string_lossy()),
                Component::ParentDir => drop(names.pop()),
                Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
            }
        }
        for end in 1..=names.len() {
            folders.insert(names[..end].join("/") + "/");
        }
    }
    folders
}

/// The user and group of `UID` or `UID:GID`.
fn owner(user: Option<&str>) -> (u64, u64) {
    let user = user.unwrap_or("0");
    let (user, group) = user.split_once(':').unwrap_or((user, user));
    (user.parse().unwrap_or(0), group.parse().unwrap_or(0))
}

fn append(
    tar: &mut tar::Builder<Vec<u8>>,
    path: &str,
    kind: EntryType,
    mode: u32,
    (user, group): (u64, u64),
    bytes: &[u8],
) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(user);
    header.set_gid(group);
    header.set_mtime(0);
    header.set_size(bytes.len() as u64);
    tar.append_data(&mut header, path, bytes)
}

/// What is found by its digest.
#[derive(Default)]
struct Blobs {
    files: BTreeMap<String, Vec<u8>>,
}

impl Blobs {
    /// Adds a blob and returns its descriptor.
    fn add(&mut self, media_type: &str, bytes: Vec<u8>) -> Value {
        let descriptor = json!({
            "mediaType": media_type,
            "digest": digest(&bytes),
            "size": bytes.len(),
        });
        self.files.insert(blob_path(&descriptor), bytes);
        descriptor
    }
}

/// Where the blob of a descriptor lies.
fn blob_path(descriptor: &Value) -> String {
    let digest = descriptor["digest"].as_str().unwrap_or_default();
    format!("blobs/{}", digest.replace(':', "/"))
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", sha256(bytes))
}

/// gzip without a time or a name.
fn compressed(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let builder = GzBuilder::new().mtime(0).operating_system(255);
    let mut encoder = builder.write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_those_of_the_image() {
        let directories = ["/data/in", ".", "/", "relative/../x", "/data"];
        let directories: Vec<&Path> = directories.iter().map(Path::new).collect();
        let found: Vec<String> = folders(&directories).into_iter().collect();
        assert_eq!(found, ["data/", "data/in/", "x/"]);
    }

    #[test]
    fn users_own_what_they_are_granted() {
        assert_eq!(owner(None), (0, 0));
        assert_eq!(owner(Some("1000")), (1000, 1000));
        assert_eq!(owner(Some("1000:20")), (1000, 20));
    }
}
