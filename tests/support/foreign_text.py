"""What a hostile PC may say: bytes that look like the words of rsync and ssh, and do not keep to them."""

from hypothesis import strategies as st

TAG = b"0123456789abcdef"
WORDS = [
    b"rsync: ",
    b"[sender] ",
    b"[Receiver] ",
    b"[generator] ",
    b"rsync error: ",
    b"rsync warning: ",
    b'opendir "',
    b'readdir("',
    b'send_files failed to open "',
    b'link_stat "',
    b'" failed: ',
    b'") ',
    b": ",
    b"Permission denied (13)",
    b"No space left on device (28)",
    b"(99999999999999999999)",
    b"(" + b"9" * 5000 + b")",
    b'file has vanished: "',
    b'directory has vanished: "',
    b"could not make way for new regular file: ",
    b"ERROR: ",
    b"WARNING: ",
    b" failed verification -- update discarded.",
    b' (in "module")',
    b"connection unexpectedly closed",
    b"(0 bytes received so far)",
    b"IO error encountered",
    b"*** Skipping ",
    b"Permission denied (publickey)",
    b"ssh: connect to host pc port 22: ",
    b"Host key verification failed",
    b'Load key "x": ',
    b"is your shell clean",
    b"backup filename too long",
    b"Host key for pc has changed",
    b"/home/u/docs/",
    b"/home/u/docs",
    b"/s/c/docs/",
    b"../",
    b"..",
    b".",
    b"/",
    b"a/b",
    b"\\#012",
    b"\\#777",
    b"\\#0",
    b"\r",
    b"\n",
    b"\0",
    b"\x1b[31m",
    b"\x9b2J",
    b"\xe2\x80\xae",
    b"\xff\xfe",
    b"  ",
    b"\t",
    TAG,
    b">f+++++++++",
    b"cd+++++++++",
    b".f         ",
    b"*deleting  ",
    b"2026/01/05-12:00:00",
    b" " * 20,
    b"9" * 400,
    b"Number of files: ",
    b"Total file size: ",
    b"Total bytes received: ",
    b",",
    b"1,234,567",
    b"(reg: 1)",
    b"1,234  56%  1.2.3MB/s 0:00:01",
    b"    123 100% 117.77kB/s    0:00:00 (xfr#1, to-chk=0/2)",
    b" is over max-size",
    b"9" * 5000 + b" 5% 1B/s 0:00:00  ",
    b"1 5% .B/s 0:00:00  ",
    b"(xfr#" + b"9" * 5000 + b", to-chk=1/2)",
    b"drwxr-xr-x          4,096 2026/01/05 12:00:00 home/u",
    b"lrwxrwxrwx   3 2026/01/05 12:00:00 x -> /etc",
    b"[sender] hiding file ",
    b" because of pattern *.x",
    b'skipping non-regular file "',
]
"""Pieces that parsers look for, and numbers and signs that break those that are careless."""

CARELESS = [
    b"\r" + b"9" * 5000 + b" 5% 1.0kB/s 0:00:00  ",
    b"\r1 " + b"9" * 5000 + b"% 1.0kB/s 0:00:00  ",
    b"\r1 5% .B/s 0:00:00  ",
    b"\r1 5% 1.2.3MB/s 0:00:00  ",
    b"\r1 5% " + b"9" * 5000 + b"MB/s 0:00:00  ",
    b"\r1 5% 1.0kB/s 0:00:00 (xfr#" + b"9" * 5000 + b", to-chk=1/2)",
    b"\r1 5% 1.0kB/s 0:00:00 (xfr#1, to-chk=9/" + b"9" * 5000 + b")",
    b"\r1 5% 1.0kB/s 0:00:00 (xfr#1, to-chk=9/2)",
    b"Total file size: ,",
    b"Number of files: " + b"9" * 5000,
    b'rsync: [sender] opendir "x" failed: y (' + b"9" * 5000 + b")",
    b"rsync: x (" + b"9" * 5000 + b")",
    TAG + b">f+++++++++ " + TAG + b"x",
    TAG + b">f+++++++++   1 " + TAG + b"x",
    TAG + b">f+++++++++   1 2026/01/05-12:00:00 " + b"z" * 32 + b" " + TAG + b"x",
    TAG + b">f+++++++++   1 2026/01/05-12:00:00 " + b"\xff" * 32 + b" " + TAG + b"x",
    TAG + b">f+++++++++   " + b"9" * 5000 + b" 9999/99/99-99:99:99 " + b" " * 32 + TAG + b"x",
    TAG + b">f+++++++++   \xb2 0000/00/00-00:00:00 " + b" " * 32 + TAG + b"x",
    TAG + b">f+++++++++   1 2026/01/05-12:00:00 " + b" " * 32 + TAG,
    TAG + b">f+++++++++   1 2026/01/05-12:00:00 " + b" " * 32 + TAG + b"/",
    TAG + b">f+++++++++   1 2026/01/05-12:00:00 " + b" " * 32 + TAG + b"/etc/passwd",
    TAG + b">f+++++++++   1 2026/01/05-12:00:00 " + b" " * 32 + TAG + b"a//b",
    TAG + b">f+++++++++   1 2026/01/05-12:00:00 " + b" " * 32 + TAG + b"../x",
    TAG + b">f+++++++++   1 2026/01/05-12:00:00 " + b" " * 32 + TAG + b"\\#056\\#056/x",
    TAG + b">f+++++++++   1 2026/01/05-12:00:00 " + b" " * 32 + TAG + b"a\\#000b",
    b"-" + b"r" * 9 + b" " + b"9" * 5000 + b" 2026/01/05 12:00:00 home",
]
"""Lines that look right and hold what a careless reader cannot take."""
pieces = (
    st.sampled_from(WORDS)
    | st.binary(max_size=12)
    | st.text(max_size=8).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
lines = st.lists(pieces, max_size=12).map(b"".join) | st.sampled_from(CARELESS)
streams = st.lists(lines, max_size=12).map(b"\n".join)


def chunks(stream: bytes, sizes: list[int]) -> list[bytes]:
    """The stream as it may come: in pieces of those sizes, the last one whatever is left."""
    found = []
    for size in sizes:
        found.append(stream[:size])
        stream = stream[size:]
    return [*found, stream]
