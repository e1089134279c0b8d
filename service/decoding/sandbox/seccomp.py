"""seccomp: system calls that decoding a file never needs fail in this process."""

import ctypes
import errno
import struct

from .libc import PR_SET_SECCOMP, prctl, syscall

MODE_FILTER = 2
SECCOMP = {"x86_64": 317, "aarch64": 277}
SET_MODE_FILTER, EVERY_THREAD = 1, 1
ALLOW, KILL_PROCESS, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
LOAD, JUMP_EQUAL, JUMP_SET, JUMP_AT_LEAST, RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
OFFSET_NUMBER, OFFSET_MACHINE, OFFSET_FIRST_ARGUMENT = 0, 4, 16
CLONE_THREAD = 0x00010000
X32_NUMBERS = 0x40000000

AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
CLONE = {"x86_64": 56, "aarch64": 220}
# clone3's flags lie behind a pointer; told that it is missing, glibc takes clone.
CLONE3 = 435

# Sockets, other programs, other processes, namespaces and kernel interfaces; numbers from the kernel's tables.
DENIED = {
    "x86_64": {
        "socket": 41, "connect": 42, "accept": 43, "bind": 49, "listen": 50, "socketpair": 53, "fork": 57, "vfork": 58,
        "execve": 59, "kill": 62, "ptrace": 101, "mount": 165, "add_key": 248, "keyctl": 250, "unshare": 272,
        "accept4": 288, "perf_event_open": 298, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311,
        "bpf": 321, "execveat": 322, "userfaultfd": 323, "pidfd_send_signal": 424, "io_uring_setup": 425,
        "pidfd_open": 434, "pidfd_getfd": 438,
    },
    "aarch64": {
        "mount": 40, "unshare": 97, "ptrace": 117, "kill": 129, "socket": 198, "socketpair": 199, "bind": 200,
        "listen": 201, "accept": 202, "connect": 203, "add_key": 217, "keyctl": 219, "execve": 221,
        "perf_event_open": 241, "accept4": 242, "setns": 268, "process_vm_readv": 270, "process_vm_writev": 271,
        "bpf": 280, "execveat": 281, "userfaultfd": 282, "pidfd_send_signal": 424, "io_uring_setup": 425,
        "pidfd_open": 434, "pidfd_getfd": 438,
    },
}  # fmt: skip


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def deny_syscalls(machine: str, every_thread: bool = False) -> bool:
    """Install the filter, for good; False on a machine it is not written for. `no_new_privs` must be set.

    It is this thread's, and of those that it starts; `every_thread`: of those that there are, too.
    """
    if machine not in AUDIT:
        return False
    code = b"".join(_filter(machine))
    program = _Program(len(code) // 8, code)
    if every_thread:
        syscall(SECCOMP[machine], SET_MODE_FILTER, EVERY_THREAD, program)
    else:
        prctl(PR_SET_SECCOMP, MODE_FILTER, program)
    return True


def _filter(machine: str) -> list[bytes]:
    denied, missing = ERRNO | errno.EPERM, ERRNO | errno.ENOSYS
    code = [
        _step(LOAD, OFFSET_MACHINE),
        _step(JUMP_EQUAL, AUDIT[machine], if_true=1),
        _step(RETURN, KILL_PROCESS),
        _step(LOAD, OFFSET_NUMBER),
        _step(JUMP_AT_LEAST, X32_NUMBERS, if_false=1),
        _step(RETURN, KILL_PROCESS),
        _step(JUMP_EQUAL, CLONE3, if_false=1),
        _step(RETURN, missing),
    ]
    for number in DENIED[machine].values():
        code += [_step(JUMP_EQUAL, number, if_false=1), _step(RETURN, denied)]
    # A new thread may be; a new process may not.
    code += [
        _step(JUMP_EQUAL, CLONE[machine], if_false=3),
        _step(LOAD, OFFSET_FIRST_ARGUMENT),
        _step(JUMP_SET, CLONE_THREAD, if_true=1),
        _step(RETURN, denied),
        _step(RETURN, ALLOW),
    ]
    return code


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
