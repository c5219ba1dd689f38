//! What an ELF file says of itself: machine, loader, build id.
//!
//! Read before the file is ever started, because a loader ignores a preload library it cannot load and the server
//! would then run outside the simulation without a word.

use goblin::elf::Elf;
use goblin::elf::header::{EI_CLASS, EI_DATA, ELFCLASS64, ELFDATA2LSB, ELFMAG, EM_X86_64, machine_to_str};
use goblin::elf::note::NT_GNU_BUILD_ID;

use super::error::Reason;

const HEADER_BYTES: usize = 64;

/// The facts that matter for starting a binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ElfFacts {
    /// The loader the kernel would start it with.
    pub interpreter: String,
    /// The linker's build id in hex.
    pub build_id: Option<String>,
}

/// Reads a whole file's bytes, or says why such a file cannot be simulated.
pub(super) fn read(bytes: &[u8]) -> Result<ElfFacts, Reason> {
    check_machine(bytes)?;
    let elf = Elf::parse(bytes).map_err(|error| Reason::NotElf(error.to_string()))?;
    let interpreter = elf.interpreter.ok_or(Reason::Static)?.to_owned();
    check_loader(&interpreter)?;
    Ok(ElfFacts { interpreter, build_id: build_id(&elf, bytes) })
}

fn check_machine(bytes: &[u8]) -> Result<(), Reason> {
    if bytes.get(..4) != Some(ELFMAG) {
        return Err(Reason::NotElf("unknown file format".to_owned()));
    }
    if bytes.len() < HEADER_BYTES {
        return Err(Reason::NotElf("the file is cut off".to_owned()));
    }
    let machine = match bytes[EI_DATA] {
        ELFDATA2LSB => u16::from_le_bytes([bytes[18], bytes[19]]),
        _ => u16::from_be_bytes([bytes[18], bytes[19]]),
    };
    match machine == EM_X86_64 && bytes[EI_CLASS] == ELFCLASS64 {
        true => Ok(()),
        false => Err(Reason::OtherArchitecture(machine_to_str(machine).to_lowercase())),
    }
}

fn check_loader(interpreter: &str) -> Result<(), Reason> {
    match interpreter {
        _ if interpreter.contains("musl") => Err(Reason::Musl),
        _ if interpreter.contains("ld-linux") => Ok(()),
        _ => Err(Reason::OtherLoader(interpreter.to_owned())),
    }
}

fn build_id(elf: &Elf<'_>, bytes: &[u8]) -> Option<String> {
    let mut notes = elf.iter_note_headers(bytes)?.flatten();
    notes.find(|note| note.n_type == NT_GNU_BUILD_ID && note.name == "GNU").map(|note| hex::encode(note.desc))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PT_INTERP: u32 = 3;
    const PT_NOTE: u32 = 4;

    /// A header for `machine` and one program header for each segment, whose contents follow.
    fn elf_file(machine: u16, segments: &[(u32, &[u8])]) -> Vec<u8> {
        let mut file = vec![0u8; HEADER_BYTES];
        file[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1]);
        file[16..20].copy_from_slice(&[2, 0, machine as u8, (machine >> 8) as u8]);
        file[20] = 1;
        file[32] = HEADER_BYTES as u8;
        file[52..58].copy_from_slice(&[64, 0, 56, 0, segments.len() as u8, 0]);
        let mut offset = HEADER_BYTES + 56 * segments.len();
        for (kind, content) in segments {
            file.extend(program_header(*kind, offset as u64, content.len() as u64));
            offset += content.len();
        }
        segments.iter().for_each(|(_, content)| file.extend_from_slice(content));
        file
    }

    fn program_header(kind: u32, offset: u64, size: u64) -> Vec<u8> {
        let words = [offset, offset, offset, size, size, 4];
        let start = kind.to_le_bytes().into_iter().chain(4u32.to_le_bytes());
        start.chain(words.iter().flat_map(|word| word.to_le_bytes())).collect()
    }

    fn with_loader(loader: &str) -> Vec<u8> {
        elf_file(EM_X86_64, &[(PT_INTERP, format!("{loader}\0").as_bytes())])
    }

    #[test]
    fn the_loader_and_the_build_id_are_read() {
        let note = [4u32, 3, 3]
            .iter()
            .flat_map(|w| w.to_le_bytes())
            .chain(*b"GNU\0\xab\x01\xff\0")
            .collect::<Vec<_>>();
        let loader = b"/lib64/ld-linux-x86-64.so.2\0";
        let facts =
            read(&elf_file(EM_X86_64, &[(PT_INTERP, loader), (PT_NOTE, &note)])).expect("a whole file");
        assert_eq!(facts.interpreter, "/lib64/ld-linux-x86-64.so.2");
        assert_eq!(facts.build_id.as_deref(), Some("ab01ff"));
    }

    #[test]
    fn a_musl_binary_is_refused_by_name() {
        assert!(matches!(read(&with_loader("/lib/ld-musl-x86_64.so.1")), Err(Reason::Musl)));
        assert!(matches!(read(&with_loader("/system/bin/linker64")), Err(Reason::OtherLoader(_))));
    }

    #[test]
    fn a_static_binary_is_refused_by_name() {
        assert!(matches!(read(&elf_file(EM_X86_64, &[])), Err(Reason::Static)));
    }

    #[test]
    fn another_architecture_is_refused_by_name() {
        let refused = read(&elf_file(183, &[])).expect_err("aarch64");
        assert!(matches!(refused, Reason::OtherArchitecture(name) if name.contains("aarch64")));
    }

    #[test]
    fn garbage_is_refused() {
        for bytes in [&b""[..], b"\x7fEL", b"hello world", &[0xff; 300]] {
            assert!(matches!(read(bytes), Err(Reason::NotElf(_))), "{bytes:?}");
        }
    }

    #[test]
    fn a_file_cut_off_anywhere_is_refused_without_a_panic() {
        let whole = with_loader("/lib64/ld-linux-x86-64.so.2");
        for length in 0..HEADER_BYTES + 56 {
            assert!(read(&whole[..length]).is_err(), "cut at {length}");
        }
    }
}
