//! Linking in this process, with libwild over a file system that exists only in memory.

use crate::elf::{Elf, is_load};
use crate::error::LinkError;
use crate::inputs::{self, Contents};
use crate::request::{LinkRequest, TEXT_ADDRESS, is_pie, page_bytes_max};
use libwild::error::Error as WildError;
use libwild::{FileSystem, FileType, InputFileData, OutputFileData, OutputOptions};
use object::elf::SHF_EXECINSTR;
use object::endian::LittleEndian as LE;
use std::collections::HashMap;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Where the inputs appear to lie; also what libwild's messages call them.
const FOLDER: &str = "/wasmelt";
const OUTPUT: &str = "/wasmelt/executable";

/// Where pages are larger than this, an executable that is smaller than that is worth a second look.
const SMALL_PAGE_BYTES: u64 = 0x1000;
const SMALL_BYTES: usize = 4 << 20;

/// Returns the bytes of the executable.
pub(crate) fn link(request: &LinkRequest<'_>) -> Result<Vec<u8>, LinkError> {
    let text = text_address(request);
    let linked = link_at(request, text)?;
    let page_bytes = page_bytes_max(request.pack.target());
    if is_pie(request.pack.target()) {
        return Ok(linked);
    }
    if page_bytes <= SMALL_PAGE_BYTES || linked.len() > SMALL_BYTES {
        return Ok(linked);
    }
    match place_in_page(&linked, page_bytes) {
        Some(place) => link_at(request, text + place),
        None => Ok(linked),
    }
}

/// Where in a page the code has to begin to follow the read-only data in the file with no gap: the
/// first link tells how much of that there is.
fn place_in_page(linked: &[u8], page_bytes: u64) -> Option<u64> {
    let elf = Elf::parse(linked)?;
    let mut loads = elf.segments.iter().filter(|segment| is_load(segment));
    let first = loads.find(|segment| segment.p_offset.get(LE) == 0)?;
    let code = elf
        .sections
        .iter()
        .filter(|section| section.sh_flags.get(LE).0 & SHF_EXECINSTR.0 != 0);
    let align = code.map(|section| section.sh_addralign.get(LE)).max()?;
    let end = first.p_filesz.get(LE).checked_next_multiple_of(align)?;
    Some(end % page_bytes)
}

fn link_at(request: &LinkRequest<'_>, text: u64) -> Result<Vec<u8>, LinkError> {
    let inputs: Vec<(String, Contents)> = inputs::in_order(request)
        .into_iter()
        .map(|input| (format!("{FOLDER}/{}", input.name), input.contents))
        .collect();
    let arguments = options(request, text)?;
    write(arguments, inputs)?.map_err(|error| typed_error(request, &error))
}

/// Returns the bytes of a shared library of one object, which is known by this name when it is
/// loaded. What the object does not define, the process has.
pub(crate) fn link_shared(
    target: &str,
    object: Vec<u8>,
    soname: &str,
) -> Result<Vec<u8>, LinkError> {
    let mut arguments = first_options(target)?;
    // Its handlers of signals stay.
    for option in [
        "-shared",
        "--build-id=none",
        "-znodelete",
        "-znow",
        "-soname",
        soname,
    ] {
        arguments.push(option.to_owned());
    }
    let input = (
        format!("{FOLDER}/library.o"),
        Contents::Object(Arc::new(object)),
    );
    write(arguments, vec![input])?.map_err(|error| LinkError::Failed(error.trim_end().to_owned()))
}

/// Links these inputs; an error of the linker is its own text.
fn write(
    mut arguments: Vec<String>,
    inputs: Vec<(String, Contents)>,
) -> Result<Result<Vec<u8>, String>, LinkError> {
    arguments.extend(inputs.iter().map(|(path, _)| path.clone()));
    let files = inputs
        .into_iter()
        .map(|(path, contents)| (path.into(), contents))
        .collect();
    let output = Arc::new(Mutex::new(None));
    let file_system = MemoryFileSystem {
        files,
        output: Arc::clone(&output),
    };
    // libwild asserts what it believes of its inputs and of itself: a bug there must not take the
    // compiler down. Everything that it may have left half done lies in what is dropped here.
    let linked = panic::catch_unwind(AssertUnwindSafe(|| run(&arguments, file_system)));
    match linked {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Ok(Err(error.to_string())),
        Err(payload) => return Err(LinkError::Internal(panic_message(payload.as_ref()))),
    }
    let executable = output.lock().unwrap_or_else(PoisonError::into_inner).take();
    executable
        .map(Ok)
        .ok_or_else(|| LinkError::Internal("no output was written".to_owned()))
}

fn run(arguments: &[String], file_system: MemoryFileSystem) -> Result<(), WildError> {
    let texts = || arguments.iter().map(String::as_str);
    let mut args = libwild::Args::new(texts)?;
    args.parse(texts)?;
    let linker = libwild::Linker::with_file_system(file_system);
    linker.run(&args)?;
    Ok(())
}

/// Those of any output.
fn first_options(target: &str) -> Result<Vec<String>, LinkError> {
    let emulation = match target.split('-').next() {
        Some("x86_64") => "elf_x86_64",
        Some("aarch64") => "aarch64linux",
        Some("riscv64gc") => "elf64lriscv",
        _ => return Err(LinkError::Failed(format!("cannot link for `{target}`"))),
    };
    let mut options: Vec<String> = ["wild", "-m", emulation, "-o", OUTPUT]
        .map(str::to_owned)
        .to_vec();
    // libwild hands work to the current pool and waits for it: it has to know when there is
    // nobody else to do it.
    options.push(format!("--threads={}", rayon::current_num_threads()));
    options.push("--no-identity-comment".to_owned());
    Ok(options)
}

fn options(request: &LinkRequest<'_>, text: u64) -> Result<Vec<String>, LinkError> {
    let mut options = first_options(request.pack.target())?;
    // Merged strings are kept whether or not anything refers to them; unmerged ones are dropped
    // with the code that does.
    options.push("--no-string-merge".to_owned());
    options.extend(inputs::options(request));
    if !is_pie(request.pack.target()) {
        options.push(format!("-Ttext={text:#x}"));
    }
    if let Some(image) = &request.image {
        options.push(format!(
            "--section-start={}={:#x}",
            image.section, image.address
        ));
    }
    Ok(options)
}

/// An address for the code above all read-only data that libwild can make of the inputs. It
/// begins a range of pages that the kernel maps at once around a fault: small code costs one.
fn text_address(request: &LinkRequest<'_>) -> u64 {
    // Tables that a linker makes (GOT, PLT) and its alignment take less room than the relocations
    // and headers that call for them take in the inputs.
    let inputs_bytes = (request.object.len() + request.pack.len()) as u64;
    (TEXT_ADDRESS + inputs_bytes + 0x10_0000).next_multiple_of(0x1_0000)
}

/// libwild stops at the first undefined symbol: then all of the object's are looked up.
fn typed_error(request: &LinkRequest<'_>, message: &str) -> LinkError {
    let first = message
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("Undefined symbol "))
        .map(|rest| {
            rest.split_once(", referenced by")
                .map_or(rest, |(name, _)| name)
                .to_owned()
        });
    let Some(first) = first else {
        return LinkError::Failed(message.trim_end().to_owned());
    };
    let mut names = inputs::undefined_symbols(request);
    names.insert(first);
    LinkError::UndefinedSymbols(names.into_iter().collect())
}

fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "panic".to_owned())
}

struct MemoryFileSystem {
    files: HashMap<PathBuf, Contents>,
    output: Arc<Mutex<Option<Vec<u8>>>>,
}

struct MemoryInput(Contents);

impl std::fmt::Debug for MemoryInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemoryInput({} bytes)", self.bytes().len())
    }
}

impl InputFileData for MemoryInput {
    fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }
}

struct MemoryOutput {
    bytes: Vec<u8>,
    finished: Arc<Mutex<Option<Vec<u8>>>>,
}

impl OutputFileData for MemoryOutput {
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    fn finish(self) -> libwild::error::Result {
        *self.finished.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.bytes);
        Ok(())
    }
}

fn not_found(path: &Path) -> WildError {
    WildError::with_message(format!("no input is called `{}`", path.display()))
}

impl FileSystem for MemoryFileSystem {
    type Input = MemoryInput;
    type Output = MemoryOutput;

    fn open_input(
        &self,
        path: &Path,
        _prepopulate_maps: bool,
    ) -> libwild::error::Result<(MemoryInput, Option<Arc<std::fs::File>>)> {
        let contents = self.files.get(path).ok_or_else(|| not_found(path))?;
        Ok((MemoryInput(contents.clone()), None))
    }

    fn file_type(&self, path: &Path) -> libwild::error::Result<FileType> {
        if self.files.contains_key(path) {
            Ok(FileType::File)
        } else {
            Err(not_found(path))
        }
    }

    fn canonicalize(&self, path: &Path) -> libwild::error::Result<PathBuf> {
        Ok(path.to_owned())
    }

    fn remove_file(&self, path: &Path) -> libwild::error::Result {
        Err(not_found(path))
    }

    fn rename_file(&self, path: &Path, _new_path: &Path) -> libwild::error::Result {
        Err(not_found(path))
    }

    fn create_output(
        &self,
        _path: Arc<Path>,
        options: OutputOptions,
    ) -> libwild::error::Result<MemoryOutput> {
        let too_large = || WildError::with_message("the executable is too large");
        let size = usize::try_from(options.size).map_err(|_| too_large())?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size).map_err(|_| too_large())?;
        bytes.resize(size, 0);
        Ok(MemoryOutput {
            bytes,
            finished: Arc::clone(&self.output),
        })
    }

    fn write_auxiliary(&self, path: &Path, _bytes: &[u8]) -> libwild::error::Result {
        Err(not_found(path))
    }
}
