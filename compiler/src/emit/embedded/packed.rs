//! Compressed contents (`--compress-embedded`): the runtime's `host/embedded/packed.rs` reads them.

use crate::workers;
use wasmelt_abi::EMBEDDED_BLOCK_BYTES;

/// zstd's: what is embedded is compressed once, and above this little is won by much.
const LEVEL: i32 = 19;

/// Contents as blocks of one length, each a frame of zstd or, where that is no shorter, as it is; one
/// behind the other, and where each begins and the last one ends.
pub(super) fn packed(contents: &[u8]) -> (Vec<u8>, Vec<u64>) {
    let block_bytes = usize::try_from(EMBEDDED_BLOCK_BYTES).expect("it is small");
    let blocks: Vec<&[u8]> = contents.chunks(block_bytes).collect();
    let frames = workers::map(
        &blocks,
        || zstd::bulk::Compressor::new(LEVEL).expect("it is a level"),
        |compressor, block| {
            let frame = compressor.compress(block).expect("there is memory");
            (frame.len() < block.len()).then_some(frame)
        },
    );
    let mut bytes = Vec::new();
    let mut ends = vec![0];
    for (block, frame) in blocks.iter().zip(&frames) {
        bytes.extend_from_slice(frame.as_deref().unwrap_or(block));
        ends.push(bytes.len() as u64);
    }
    (bytes, ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_by_their_ends() {
        let mut contents = vec![5; EMBEDDED_BLOCK_BYTES as usize];
        contents.extend([1, 2, 3]);
        let (bytes, ends) = packed(&contents);
        assert_eq!((ends[0], ends.len()), (0, 3));
        assert!(ends[1] < 100);
        // What gets no shorter stays as it is.
        assert_eq!(bytes[ends[1] as usize..], [1, 2, 3]);
        assert_eq!(ends[2], bytes.len() as u64);
        let first = zstd::bulk::decompress(&bytes[..ends[1] as usize], contents.len());
        assert_eq!(first.unwrap(), contents[..EMBEDDED_BLOCK_BYTES as usize]);
        assert_eq!(packed(&[]), (vec![], vec![0]));
    }
}
