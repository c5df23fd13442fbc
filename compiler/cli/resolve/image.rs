//! What the command line says about a container image.

use std::collections::BTreeMap;

use crate::args::ImageArgs;
use crate::diagnostic::{Diagnostic, Failure};
use crate::requests::{Emit, ImageOptions};

/// What a container image is called and says.
///
/// # Errors
/// Arguments that mean nothing, or that are for something else than an image.
pub(super) fn image(args: &ImageArgs, emit: Emit, stem: &str) -> Result<ImageOptions, Failure> {
    let given = [
        ("--image-name", args.image_name.is_some()),
        ("--image-label", !args.image_label.is_empty()),
        ("--image-user", args.image_user.is_some()),
    ];
    if emit != Emit::Oci {
        return match given.iter().find(|(_, is_given)| *is_given) {
            None => Ok(ImageOptions::default()),
            Some((flag, _)) => Err(Failure::usage(
                Diagnostic::error(format!("`{flag}` is for container images"))
                    .help("write one with `--emit oci`"),
            )),
        };
    }
    let reference = match &args.image_name {
        None => reference(&plain(stem)).unwrap_or_else(|| String::from("program:latest")),
        Some(name) => reference(name).ok_or_else(|| {
            Failure::usage(
                Diagnostic::error(format!("`--image-name {name}` is no name of an image")).help(
                    "write lower-case letters, digits and `._-/`, and a tag: `shop/cart:1.2`",
                ),
            )
        })?,
    };
    let mut labels = BTreeMap::new();
    for label in &args.image_label {
        match label.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                labels.insert(key.to_owned(), value.to_owned());
            }
            _ => {
                return Err(Failure::usage(
                    Diagnostic::error(format!("there is no key in `--image-label {label}`"))
                        .help("write `--image-label KEY=VALUE`"),
                ));
            }
        }
    }
    let is_number = |text: &str| text.parse::<u32>().is_ok();
    if let Some(user) = &args.image_user
        && !user.splitn(2, ':').all(is_number)
    {
        return Err(Failure::usage(
            Diagnostic::error(format!("`--image-user {user}` is not a number"))
                .help("an image has no names of users: write `--image-user UID` or `UID:GID`"),
        ));
    }
    Ok(ImageOptions {
        reference,
        labels,
        user: args.image_user.clone(),
    })
}

/// `NAME:TAG`, if `text` is `NAME` or `NAME:TAG`; a name can begin with a registry and its port.
fn reference(text: &str) -> Option<String> {
    let (name, tag) = match text.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (text, "latest"),
    };
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut parts = name.split('/').enumerate();
    let parts_hold = parts.all(|(index, part)| {
        let is_registry = index == 0 && name.contains('/');
        let is_inside = |byte: u8| is_plain(byte) || b"._-".contains(&byte);
        let part = match part.split_once(':') {
            Some((host, port)) if is_registry && port.parse::<u16>().is_ok() => host,
            _ => part,
        };
        let ends = [part.bytes().next(), part.bytes().last()];
        part.bytes().all(is_inside) && ends.iter().all(|byte| byte.is_some_and(is_plain))
    });
    let is_tag = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let tag_holds =
        (1..=128).contains(&tag.len()) && tag.bytes().all(is_tag) && !tag.starts_with(['.', '-']);
    (parts_hold && tag_holds).then(|| format!("{name}:{tag}"))
}

/// A file's name as the name of an image.
fn plain(stem: &str) -> String {
    let lower = stem.to_ascii_lowercase();
    let plain = lower.replace(
        |c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_',
        "-",
    );
    plain.trim_matches(['-', '_']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_images_have_tags() {
        let cases = [
            ("app", Some("app:latest")),
            ("shop/cart:1.2", Some("shop/cart:1.2")),
            ("localhost:5000/cart", Some("localhost:5000/cart:latest")),
            ("localhost:5000/cart:V1", Some("localhost:5000/cart:V1")),
            ("App", None),
            ("a//b", None),
            ("a:", None),
            ("-a", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(reference(text).as_deref(), expected, "{text}");
        }
        assert_eq!(plain("My App.v2"), "my-app-v2");
    }
}
