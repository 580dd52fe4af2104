//! The program that holds a sandbox's namespaces: it blocks all signals, takes those that come, reaps its children, and ends on SIGTERM or SIGINT.
//! Kabuki carries its machine code and lays out the file around it, so no registry is needed to run a pod.

use sha2::{Digest, Sha256};

#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(
    ".pushsection .text.kabuki_pause, \"ax\", @progbits",
    ".globl kabuki_pause_start",
    ".globl kabuki_pause_end",
    "kabuki_pause_start:",
    // rt_sigprocmask(SIG_BLOCK, all, NULL, 8)
    "push -1",
    "mov eax, 14",
    "xor edi, edi",
    "mov rsi, rsp",
    "xor edx, edx",
    "mov r10d, 8",
    "syscall",
    // rt_sigtimedwait(all, NULL, NULL, 8) answers the number of a signal.
    "2:",
    "mov eax, 128",
    "mov rdi, rsp",
    "xor esi, esi",
    "xor edx, edx",
    "mov r10d, 8",
    "syscall",
    "cmp eax, 15",
    "je 4f",
    "cmp eax, 2",
    "je 4f",
    // wait4(-1, NULL, WNOHANG, NULL), until there is no child that has ended
    "3:",
    "mov eax, 61",
    "mov rdi, -1",
    "xor esi, esi",
    "mov edx, 1",
    "xor r10d, r10d",
    "syscall",
    "test eax, eax",
    "jg 3b",
    "jmp 2b",
    // exit_group(0)
    "4:",
    "mov eax, 231",
    "xor edi, edi",
    "syscall",
    "kabuki_pause_end:",
    ".popsection",
);

#[cfg(target_arch = "aarch64")]
std::arch::global_asm!(
    ".pushsection .text.kabuki_pause, \"ax\", @progbits",
    ".globl kabuki_pause_start",
    ".globl kabuki_pause_end",
    "kabuki_pause_start:",
    // rt_sigprocmask(SIG_BLOCK, all, NULL, 8)
    "mov x0, #-1",
    "str x0, [sp, #-16]!",
    "mov x8, #135",
    "mov x0, #0",
    "mov x1, sp",
    "mov x2, #0",
    "mov x3, #8",
    "svc #0",
    // rt_sigtimedwait(all, NULL, NULL, 8) answers the number of a signal.
    "2:",
    "mov x8, #137",
    "mov x0, sp",
    "mov x1, #0",
    "mov x2, #0",
    "mov x3, #8",
    "svc #0",
    "cmp x0, #15",
    "b.eq 4f",
    "cmp x0, #2",
    "b.eq 4f",
    // wait4(-1, NULL, WNOHANG, NULL), until there is no child that has ended
    "3:",
    "mov x8, #260",
    "mov x0, #-1",
    "mov x1, #0",
    "mov x2, #1",
    "mov x3, #0",
    "svc #0",
    "cmp x0, #0",
    "b.gt 3b",
    "b 2b",
    // exit_group(0)
    "4:",
    "mov x8, #94",
    "mov x0, #0",
    "svc #0",
    "kabuki_pause_end:",
    ".popsection",
);

unsafe extern "C" {
    static kabuki_pause_start: u8;
    static kabuki_pause_end: u8;
}

#[cfg(target_arch = "x86_64")]
const MACHINE: u16 = 62;
#[cfg(target_arch = "aarch64")]
const MACHINE: u16 = 183;

/// Where the file is mapped.
const BASE: u64 = 0x40_0000;

/// The sizes of ELF64's file header and of one program header.
const HEADERS: u64 = 64 + 56;

fn code() -> &'static [u8] {
    // SAFETY: both symbols lie in the one section written above, the end not before the start, and text is never changed.
    unsafe {
        let (start, end) = (&raw const kabuki_pause_start, &raw const kabuki_pause_end);
        std::slice::from_raw_parts(start, end.offset_from_unsigned(start))
    }
}

/// The program as a static ELF file: one segment, readable and executable, that is the whole file. (`elf(5)`.)
fn elf() -> Vec<u8> {
    let size = HEADERS + code().len() as u64;
    let mut file = Vec::with_capacity(size as usize);
    // Class 64, little endian, version 1, System V.
    file.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    let (executable, version) = (2u16, 1u32);
    file.extend(executable.to_le_bytes());
    file.extend(MACHINE.to_le_bytes());
    file.extend(version.to_le_bytes());
    for word in [BASE + HEADERS, 64, 0] {
        file.extend(word.to_le_bytes());
    }
    file.extend(0u32.to_le_bytes());
    for half in [64u16, 56, 1, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    let (load, read_execute) = (1u32, 5u32);
    file.extend(load.to_le_bytes());
    file.extend(read_execute.to_le_bytes());
    for word in [0, BASE, BASE, size, size, 0x1000] {
        file.extend(word.to_le_bytes());
    }
    file.extend(code());
    file
}

/// The name of the image that holds the program; another program has another.
pub(super) fn image_name() -> String {
    let digest = Sha256::digest(elf());
    format!("kabuki-pause:{}", digest[..6].iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// The root file system of that image, as a tar archive.
pub(super) fn root() -> std::io::Result<Vec<u8>> {
    let program = elf();
    let mut header = tar::Header::new_ustar();
    header.set_mode(0o755);
    header.set_size(program.len() as u64);
    header.set_entry_type(tar::EntryType::Regular);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, "pause", program.as_slice())?;
    archive.into_inner()
}

/// Its path in that image.
pub(super) const ENTRYPOINT: &str = "/pause";

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::process::ExitStatusExt;
    use std::process::Stdio;

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    use super::*;

    #[test]
    fn the_program_is_tiny_and_its_name_is_its_content() {
        assert!(elf().len() < 300, "{}", elf().len());
        assert_eq!(elf().len() as u64, HEADERS + code().len() as u64);
        assert_eq!(image_name(), image_name());
        let mut paths = Vec::new();
        for entry in tar::Archive::new(root().unwrap().as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            assert_eq!(content, elf());
            paths.push(entry.path().unwrap().into_owned());
        }
        assert_eq!(paths, [std::path::Path::new("pause")]);
    }

    #[test]
    fn the_program_runs_until_it_is_asked_to_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pause");
        // The shell writes it: a file that this process has open for writing, or a child that it forks meanwhile, cannot be run.
        let script = "cat > $0 && chmod +x $0 && exec $0";
        let mut child = std::process::Command::new("sh").args(["-c", script]).arg(&path).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(&elf()).unwrap();
        let pid = Pid::from_raw(child.id() as i32);
        // The only sleep of a process of that name is its wait for signals.
        let waits = |status: String| status.starts_with("Name:\tpause\n") && status.contains("State:\tS");
        while !waits(std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap()) {
            std::thread::yield_now();
        }
        kill(pid, Signal::SIGHUP).unwrap();
        kill(pid, Signal::SIGTERM).unwrap();
        let status = child.wait().unwrap();
        assert_eq!((status.code(), status.signal()), (Some(0), None));
    }
}
