# Shared by the scripts beside it; sourced, never run. POSIX sh.
# shellcheck shell=sh

TEST_USER=bck-test
TEST_HOME=/var/lib/bck-test

say() { echo "bck: $*"; }
die() {
    echo "bck: $*" >&2
    exit 1
}
is_root() { [ "$(id -u)" = 0 ]; }

# The account that runs the product in tests and demo when make itself is run by root.
# It has a real shell because a loopback sshd started by this user logs this same user in.
ensure_user() {
    id "$TEST_USER" >/dev/null 2>&1 && return
    useradd --system --user-group --shell /bin/sh --create-home --home-dir "$TEST_HOME" --password '*' "$TEST_USER" ||
        die "could not create the user $TEST_USER, under which tests and demo run when make is run by root"
    say "created the system user $TEST_USER ($TEST_HOME): tests and demo never run as root"
}

# Run a command as the ordinary user, with nothing set up for it. Used for questions ("can you read this?").
ask_user() {
    if is_root; then
        setpriv --reuid="$TEST_USER" --regid="$TEST_USER" --init-groups "$@"
    else
        "$@"
    fi
}

digest() { cat "$@" | sha256sum | cut -d' ' -f1; }

# True when stamp file $1 holds $2.
stamped() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

# Run a command, pass on what asks us to end, come back with its status when it is really gone.
# It runs in the background so that signals reach it while we wait; such a child would ignore interrupts
# and lose its input, so env and <&3 give both back.
forward() {
    exec 3<&0
    env --default-signal=INT --default-signal=QUIT "$@" <&3 3<&- &
    child=$!
    trap 'kill -TERM "$child" 2>/dev/null' TERM HUP
    trap : INT # the terminal sends it to the child as well
    while :; do
        status=0
        wait "$child" || status=$?
        kill -0 "$child" 2>/dev/null || return "$status"
    done
}
