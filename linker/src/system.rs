//! Linking with the linker or C compiler of the system.
//!
//! Linkers differ in what they make of `--section-start` for a section that is far from the
//! others; a linker script says the whole layout in words that they agree on.

use crate::error::LinkError;
use crate::inputs;
use crate::request::{ImageSection, LinkRequest, TEXT_ADDRESS, is_pie, page_bytes_max};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use wasmelt_pack::PIE;

/// Returns the bytes of the executable.
pub(crate) fn link(request: &LinkRequest<'_>, tool: &Path) -> Result<Vec<u8>, LinkError> {
    let folder = tempfile::Builder::new().prefix("wasmelt-link-").tempdir();
    let folder = folder.map_err(|source| LinkError::Write {
        path: std::env::temp_dir(),
        source,
    })?;
    let mut paths = Vec::new();
    for input in inputs::in_order(request) {
        let path = folder.path().join(input.name);
        fs::write(&path, input.contents.bytes()).map_err(|source| LinkError::Write {
            path: path.clone(),
            source,
        })?;
        paths.push(path);
    }
    let mut command = command(request, tool)?;
    // What may be loaded anywhere is laid out as that linker always does.
    if !is_pie(request.pack.target()) {
        let script = folder.path().join("layout.ld");
        fs::write(&script, layout(request)).map_err(|source| LinkError::Write {
            path: script.clone(),
            source,
        })?;
        command.arg("-T").arg(script);
    }
    let executable = folder.path().join("executable");
    command.arg("-o").arg(&executable).args(paths);
    let missing = |error: std::io::Error| LinkError::ToolMissing {
        tool: tool.to_owned(),
        reason: error.to_string(),
    };
    let ran = command.output().map_err(missing)?;
    if !ran.status.success() {
        let output = [ran.stdout, ran.stderr].concat();
        return Err(LinkError::ToolFailed {
            tool: tool.to_owned(),
            status: ran.status.to_string(),
            output: String::from_utf8_lossy(&output).trim_end().to_owned(),
        });
    }
    fs::read(&executable).map_err(|source| LinkError::ToolFailed {
        tool: tool.to_owned(),
        status: "it wrote no executable".to_owned(),
        output: source.to_string(),
    })
}

/// The linker script: code and data from [`TEXT_ADDRESS`], the image last. Program headers have
/// room for those that the image's pieces will want.
fn layout(request: &LinkRequest<'_>) -> String {
    let (image_header, image_section) = match &request.image {
        Some(ImageSection {
            section, address, ..
        }) => (
            "image PT_LOAD FLAGS(6);".to_owned(),
            format!("{section} {address:#x} : {{ KEEP(*({section})) }} :image"),
        ),
        None => (String::new(), String::new()),
    };
    let page = page_bytes_max(request.pack.target());
    format!(
        "PHDRS {{
            ro PT_LOAD FILEHDR PHDRS FLAGS(4);
            text PT_LOAD FLAGS(5);
            data PT_LOAD FLAGS(6);
            tls PT_TLS FLAGS(4);
            stack PT_GNU_STACK FLAGS(6);
            {image_header}
        }}
        ENTRY(_start)
        SECTIONS {{
            . = {TEXT_ADDRESS:#x} + SIZEOF_HEADERS + 0x200;
            .rodata : {{ *(.rodata .rodata.*) }} :ro
            . = ALIGN({page:#x}) + (. & ({page:#x} - 1));
            .init : {{ KEEP(*(.init)) }} :text
            .fini : {{ KEEP(*(.fini)) }} :text
            .text : {{ *(.text .text.*) }} :text
            . = ALIGN({page:#x}) + (. & ({page:#x} - 1));
            .tdata : {{ *(.tdata .tdata.*) }} :data :tls
            .tbss : {{ *(.tbss .tbss.*) }} :data :tls
            .init_array : {{
                PROVIDE_HIDDEN(__init_array_start = .);
                KEEP(*(SORT(.init_array.*))) KEEP(*(.init_array))
                PROVIDE_HIDDEN(__init_array_end = .);
            }} :data
            .fini_array : {{
                PROVIDE_HIDDEN(__fini_array_start = .);
                KEEP(*(SORT(.fini_array.*))) KEEP(*(.fini_array))
                PROVIDE_HIDDEN(__fini_array_end = .);
            }} :data
            .data.rel.ro : {{ *(.data.rel.ro .data.rel.ro.*) }} :data
            .got : {{ *(.got .got.plt) }} :data
            .data : {{ *(.data .data.*) }} :data
            .bss : {{ *(.bss .bss.* COMMON) }} :data
            {image_section}
            /DISCARD/ : {{ *(.eh_frame .eh_frame_hdr .gcc_except_table .gcc_except_table.*
                .note.gnu.property .comment) }}
        }}\n"
    )
}

fn command(request: &LinkRequest<'_>, tool: &Path) -> Result<Command, LinkError> {
    let options = inputs::options(request);
    if is_bare_linker(tool) {
        let mut command = Command::new(tool);
        command.args(options);
        return Ok(command);
    }
    let mut command = if tool == Path::new("cc") {
        c_compiler(request.pack.target())?
    } else {
        Command::new(tool)
    };
    let kind: &[&str] = match is_pie(request.pack.target()) {
        true => &["-nostdlib", "-static-pie"],
        false => &["-nostdlib", "-static", "-no-pie"],
    };
    command.args(kind);
    let of_driver = ["-static", "-pie", "--no-pie"];
    command.args(
        options
            .iter()
            .filter(|option| !of_driver.contains(&option.as_str()))
            .map(|option| {
                let mut driver_option = OsString::from("-Wl,");
                driver_option.push(option);
                driver_option
            }),
    );
    Ok(command)
}

/// The C compiler that build scripts would use: `CC` and its relatives, or `cc`.
fn c_compiler(target: &str) -> Result<Command, LinkError> {
    // Any C compiler for the architecture will do: the C library is in the pack. The `-musl`
    // wrappers that a musl target would ask for need not be there.
    let target = target.trim_end_matches(PIE).replace("-musl", "-gnu");
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    cc::Build::new()
        .target(&target)
        .host(&host)
        .opt_level(0)
        .cargo_metadata(false)
        .try_get_compiler()
        .map(|found| Command::new(found.path()))
        .map_err(|error| LinkError::ToolMissing {
            tool: PathBuf::from("cc"),
            reason: error.to_string(),
        })
}

fn is_bare_linker(tool: &Path) -> bool {
    let name = tool
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    // A cross linker's name begins with its target: `aarch64-linux-gnu-ld`.
    let name = name.rsplit('-').next().unwrap_or_default();
    matches!(name, "ld" | "lld" | "mold" | "wild") || name.starts_with("ld.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linkers_are_told_from_compilers() {
        for linker in [
            "ld",
            "/usr/bin/ld.lld",
            "mold",
            "aarch64-linux-gnu-ld",
            "wild",
        ] {
            assert!(is_bare_linker(Path::new(linker)), "{linker}");
        }
        for compiler in [
            "cc",
            "/usr/bin/clang-14",
            "x86_64-linux-gnu-gcc",
            "musl-gcc",
        ] {
            assert!(!is_bare_linker(Path::new(compiler)), "{compiler}");
        }
    }
}
