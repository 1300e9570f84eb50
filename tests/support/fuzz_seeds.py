"""Texts that parsers of files, requests and answers take, or nearly: where a search begins."""

_KEY = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + b"A" * 43
_TOKEN = b"bck1-" + b"a" * 8 + b"-" + b"b" * 32 + b"-" + b"a" * 52 + b"-cccccc"
CONFIG = (
    b'{"endpoint": "https://backup.lan:8443", "ca_sha256": "'
    + b"ab" * 32
    + b'", "user": "ada", "language": "it",'
    b' "profiles": [{"name": "docs", "folders": ["C:\\\\Users\\\\ada"], "compression": null}],'
    b' "scheduler": {"enabled": true, "every_hours": 24}}'
)
GATE = (
    b'read = ["/home/u"]\nrestore = ["/home/u"]\nrsync = "/usr/bin/rsync"\nlog = "syslog"\nconfine = true\n'
)
ANSWER = (
    b'{"host": "pc1", "server": "backup.lan", "certified": true, "keys": ["' + _KEY + b'"],'
    b' "addresses": ["192.0.2.7"], "allow": ["/home/u"]}'
)
DEEP = (b"[" * 3000, b'{"a":' * 1500, b"a = " + b"[" * 3000)
SEEDS = (
    CONFIG,
    GATE,
    ANSWER,
    *DEEP,
    _KEY,
    _TOKEN,
    b"rsync --server --sender -vlogDtpre.iLsfxCIvu . /home/u",
    b"*.tmp\n!keep.tmp\n/build/\n**/x/[a-c]?\n",
    b"mon-fri 08:00-18:00=2M",
    b"0 2 * * mon-fri",
    b"1w2d",
    b"docs=/home/u/docs",
    b"eyJhbGciOiJub25lIiwia2lkIjoiYSJ9.e30.",
    b"bckr_" + b"A" * 43,
    b"bckd_" + b"A" * 43,
    b"postgresql://bck:x@db/bck",
    b"https://hooks.example.org:8443/x?y=z",
    b"data\t100644",
    b"100644 0,0 1000:1000",
    b"+\tdocs\ta%20b\tfile\t644\t0\t0\t1\t2\t\t",
    b'{"format": 1, "host": {}, "profile": {}, "kind": "hold", "manifest": null, "counts": {}}',
    b'{"version": 1, "told": {}, "notice": {}, "first_at": null, "count": 1}',
    b'{"holder": {}, "job": "j", "token": "t", "groups": []}',
    b"1 (a) b) S 1 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 100 0 0",
    b"id: 1\r\nevent: log\r\ndata: x\r\n\n\r\ndata: y\n\n",
)
