#!/bin/sh
# Gets files back out of the backup storage this file lies in. Needs nothing but a POSIX shell, coreutils,
# awk and gzip, and never writes into the storage. Run it without arguments to see how: sh restore.sh
#
# Ripristina i file dall'archivio in cui si trova. Bastano una shell POSIX, coreutils, awk e gzip; non scrive
# mai nell'archivio. Senza argomenti dice come si usa: sh restore.sh

set -u
unset CDPATH IFS GZIP QUOTING_STYLE POSIXLY_CORRECT
LC_ALL=C
export LC_ALL
umask 077
TAB=$(printf '\t')
NL='
'

# --- telling people -----------------------------------------------------------------------------------

tmp=''
problems=0

# tell ENGLISH ITALIAN
tell() {
    printf 'restore.sh: %s\n            %s\n' "$1" "$2" >&2
}

problem() {
    problems=$((problems + 1))
    tell "$1" "$2"
}

die() {
    tell "$1" "$2"
    exit 1
}

clean_up() {
    [ -z "$tmp" ] || rm -rf -- "$tmp"
}

trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

usage() {
    cat <<'END'
Usage:
  sh restore.sh HOST PROFILE                                  list the runs and restore points
  sh restore.sh HOST PROFILE POINT DIR [SOURCE[/PATH]]        restore one into DIR/SOURCE/...
POINT is the number or the name of a kept point, or the word: latest. DIR must be new or empty, and lie
outside this storage. Files the PC had already lost at that point are not restored. With SOURCE/PATH only
that file or folder comes back. Run it as root to bring owners and devices back too. A file in whose place
the storage holds one with another time is not restored: it may be another version. Only if this is a copy
of the storage that lost its times, set ANY_TIME=yes before the command. Names in its messages are written
with %XX for unusual bytes. Exit status: 0 all is well, 1 something is missing (it is named),
2 wrong use.

Uso:
  sh restore.sh HOST PROFILO                                  elenca le esecuzioni e i punti di ripristino
  sh restore.sh HOST PROFILO PUNTO CARTELLA [SORGENTE[/PERCORSO]]   ripristina in CARTELLA/SORGENTE/...
PUNTO è il numero o il nome di un punto conservato, oppure la parola: latest (il più recente). CARTELLA
dev'essere nuova o vuota, e fuori da questo archivio. I file che in quel punto il PC non aveva più non
vengono ripristinati. Con SORGENTE/PERCORSO torna solo quel file o quella cartella. Come root tornano anche
proprietari e dispositivi. Un file al cui posto ce n'è uno di un altro momento non viene ripristinato:
potrebbe essere un'altra versione. Solo se questo archivio è una copia che ha perso le date, si metta
ANY_TIME=yes prima del comando. Nei messaggi i byte insoliti dei nomi sono scritti come %XX. Stato di uscita:
0 tutto bene, 1 manca qualcosa (viene nominato), 2 uso sbagliato.
END
}

wrong_use() {
    tell "$1" "$2"
    usage >&2
    exit 2
}

# --- where we are -------------------------------------------------------------------------------------

# The full path of a folder in $place; a name may end in a newline, which $(...) alone would drop.
full_path() {
    place=$(cd -P -- "$1" && pwd -P && echo .) || return 1
    place=${place%??}
}

find_root() {
    case $0 in
        */*) here=${0%/*}/ ;;
        *) here=./ ;;
    esac
    case $here in
        /*) ;;
        *) here=./$here ;;
    esac
    full_path "$here" || die "This storage cannot be opened." "Questo archivio non si può aprire."
    root=$place
    for area in current .history .receipts; do
        [ -d "$root/$area" ] ||
            die "$root is no backup storage: there is no folder $area in it." \
                "$root non è un archivio di backup: non contiene la cartella $area."
    done
}

is_name() {
    case $1 in
        '' | *[!a-z0-9._-]* | [!a-z0-9]*) return 1 ;;
    esac
}

list_profiles() {
    printf '\nHOST PROFILE / HOST PROFILO:\n'
    for folder in "$root"/.receipts/*/*; do
        profile=${folder##*/}
        host=${folder%/*}
        host=${host##*/}
        if [ -d "$folder" ] && is_name "$host" && is_name "$profile"; then
            printf '  %s %s\n' "$host" "$profile"
        fi
    done
}

# --- receipts and acts --------------------------------------------------------------------------------

# Percent-encoded text to bytes and back, and bytes to one word of shell.
# shellcheck disable=SC2016  # awk, not shell
CODES='
function is_safe(text) {
    return text ~ "^[a-zA-Z0-9/._+,=@ -]*$"
}
function set_codes(   i, c) {
    for (i = 1; i < 256; i++) {
        c = sprintf("%c", i)
        byte[sprintf("%02X", i)] = c
        ord[c] = i
        code[i] = is_safe(c) ? c : sprintf("%%%02X", i)
    }
}
function encoded(text,   out, i, n) {
    if (is_safe(text)) return text
    n = length(text)
    for (i = 1; i <= n; i++) out = out code[ord[substr(text, i, 1)]]
    return out
}
function raw(text,   part, n, i, out) {
    if (index(text, "%") == 0) return text
    n = split(text, part, "%")
    out = part[1]
    for (i = 2; i <= n; i++) out = out byte[substr(part[i], 1, 2)] substr(part[i], 3)
    return out
}
function quoted(text) {
    if (index(text, "\047")) gsub(/\047/, "\047\"\047\"\047", text)
    return "\047" text "\047"
}
function is_below(path, folder) {
    return folder == "." || path == folder || index(path, folder "/") == 1
}
function seconds(ns,   sign) {
    if (substr(ns, 1, 1) == "-") { sign = "-"; ns = substr(ns, 2) }
    while (length(ns) < 10) ns = "0" ns
    return sign substr(ns, 1, length(ns) - 9) "." substr(ns, length(ns) - 8)
}
'

# Writes $tmp/runs (seq, run, finished, outcome, point, head, sha256; by number), $tmp/pruned (numbers),
# $tmp/forgotten (newest run then, source, path) and $tmp/damaged (file names).
read_books() {
    : >"$tmp/pruned"
    : >"$tmp/forgotten"
    : >"$tmp/damaged"
    # shellcheck disable=SC2012,SC2016  # only names of our own form are taken from ls; awk, not shell
    ls -A "$root/.receipts/$host/$profile" | FOLDER=$root/.receipts/$host/$profile OUT=$tmp awk '
        function value(line) {
            sub(/^ *"[a-z0-9_]*": /, "", line)
            sub(/,$/, "", line)
            if (line ~ /^".*"$/) line = substr(line, 2, length(line) - 2)
            return line
        }
        function receipt(name) {
            if (top["seq"] + 0 != substr(name, 1, length(name) - 5) + 0 || top["run_id"] !~ /^[0-9TZa-f-]+$/ ||
                top["head"] !~ /^([0-9]+|null)$/ || !("point" in top)) return 0
            print top["seq"], top["run_id"], top["finished"], top["outcome"], top["point"], top["head"], sha
            return 1
        }
        function act(   i, n, word) {
            if (top["after_seq"] !~ /^[0-9]+$/) return 0
            if (top["kind"] == "prune") {
                n = split(top["points"], word, " ")
                for (i = 1; i <= n; i++) print word[i] > (out "/pruned")
            }
            if (top["kind"] == "forget")
                for (i = 1; i <= paths; i++) {
                    n = index(path[i], " ")
                    print top["after_seq"], substr(path[i], 1, n - 1), substr(path[i], n + 1) > (out "/forgotten")
                }
            return 1
        }
        BEGIN { OFS = "\t"; out = ENVIRON["OUT"]; folder = ENVIRON["FOLDER"] }
        /^(act-)?[0-9][0-9][0-9][0-9][0-9][0-9]+\.json$/ {
            file = folder "/" $0
            split("", top)
            inside = ""; sha = "-"; paths = 0
            while ((getline line < file) > 0) {
                if (line ~ /^ "[a-z_]+": /) {
                    inside = line
                    sub(/^ "/, "", inside)
                    sub(/".*/, "", inside)
                    top[inside] = value(line)
                } else if (inside == "manifest" && line ~ /^  "sha256": /) sha = value(line)
                else if (inside == "paths" && line ~ /^  "/) path[++paths] = value(substr(line, 3))
            }
            close(file)
            whole = line == "}" && top["format"] == "1"
            if (!whole || !($0 ~ /^act/ ? act() : receipt($0))) print $0 > (out "/damaged")
            line = ""
        }' | sort -t "$TAB" -k1,1n >"$tmp/runs"
    while read -r name; do
        case $name in
            act-*)
                problem ".receipts/$host/$profile/$name is damaged: points that were given up may count as kept here." \
                    ".receipts/$host/$profile/$name è danneggiato: punti non conservati possono risultare conservati."
                ;;
            *) problem ".receipts/$host/$profile/$name is damaged." ".receipts/$host/$profile/$name è danneggiato." ;;
        esac
    done <"$tmp/damaged"
}

list_points() {
    printf '%-7s %-25s %-33s %-10s %s\n' number run time outcome point
    # shellcheck disable=SC2016  # awk, not shell
    awk -F "$TAB" '
        FILENAME ~ /pruned$/ { pruned[$1]; next }
        {
            state = $5 == "null" ? "-" : ($1 in pruned) ? "gone / cancellato" : "kept / conservato"
            printf "%-7s %-25s %-33s %-10s %s\n", $1, $2, $3, $4, state
        }' "$tmp/pruned" "$tmp/runs"
}

# Sets seq, finished and head of the wanted point.
choose_point() {
    # shellcheck disable=SC2016  # awk, not shell
    chosen=$(WANTED=$1 awk -F "$TAB" '
        BEGIN { wanted = "" ENVIRON["WANTED"] }
        FILENAME ~ /pruned$/ { pruned[$1]; next }
        $5 == "null" { next }
        wanted == "latest" && !($1 in pruned) { found = $1 " kept " $3 " " $6 }
        wanted == $2 "" || (wanted ~ /^[0-9]+$/ && wanted + 0 == $1 + 0) {
            found = $1 (($1 in pruned) ? " gone " : " kept ") $3 " " $6
        }
        END { print found }' "$tmp/pruned" "$tmp/runs")
    [ -n "$chosen" ] ||
        die "Profile $profile of $host has no restore point '$1'. See: sh restore.sh $host $profile" \
            "Il profilo $profile di $host non ha il punto di ripristino '$1'. Si veda: sh restore.sh $host $profile"
    read -r seq state finished head <<END
$chosen
END
    [ "$state" = kept ] ||
        die "Restore point $seq was given up by the retention policy; what only it needed is gone. Choose a kept one." \
            "Il punto di ripristino $seq non è più conservato; ciò che serviva solo a quello non c'è più. Sceglierne un altro."
}

# --- the state of a point -----------------------------------------------------------------------------

damaged_manifest() {
    die "The list .receipts/$host/$profile/$1 $2. Points that build on it cannot be restored; nothing was written." \
        "L'elenco .receipts/$host/$profile/$1 $3. I punti che ne dipendono non si possono ripristinare; nulla è stato scritto."
}

# Sets chain: the manifests that tell the state, the full one first.
find_chain() {
    chain=''
    next=$head
    while [ "$next" != - ]; do
        list=$(printf '%06d' "$next").tsv.gz
        file=$root/.receipts/$host/$profile/$list
        [ -f "$file" ] || damaged_manifest "$list" "is missing" "manca"
        # shellcheck disable=SC2016  # awk, not shell
        wanted=$(SEQ=$next awk -F "$TAB" '$1 == ENVIRON["SEQ"] { print $7 }' "$tmp/runs")
        is=$(sha256sum <"$file") || damaged_manifest "$list" "cannot be read" "non si può leggere"
        case $wanted in
            '' | - | "${is%% *}") ;;
            *) damaged_manifest "$list" "is not what its receipt says" "non è quello indicato dalla ricevuta" ;;
        esac
        begin=$(gzip -dc <"$file" 2>/dev/null | head -c 80 | tr -d '\000' | head -n 1)
        read -r hash word format number base rest <<END
$begin
END
        [ "$hash $word $format $number$rest" = "# bck-manifest 1 $next" ] ||
            damaged_manifest "$list" "is damaged" "è danneggiato"
        case $base in
            -) ;;
            '' | *[!0-9]*) damaged_manifest "$list" "is damaged" "è danneggiato" ;;
            *) [ "$base" -lt "$next" ] || damaged_manifest "$list" "is damaged" "è danneggiato" ;;
        esac
        chain="$list$NL$chain"
        next=$base
    done
}

# Manifest lines as: source, folder, name, number, op, kind, mode, uid, gid, mtime, size, target.
manifest_lines() {
    printf %s "$chain" | while IFS= read -r list; do
        gzip -dc <"$root/.receipts/$host/$profile/$list" || echo "$list" >>"$tmp/bad"
    done | BAD=$tmp/bad WANTED_SOURCE=$only_source WANTED_PATH=$only_path awk -F "$TAB" "$CODES"'
        function broken() {
            print substr($0, 1, 300) > ENVIRON["BAD"]
            exit 1
        }
        function is_wrong(path,   rest) {
            if (path == ".") return 0
            if (("/" path "/") ~ /\/\.?\.?\//) return 1
            if (index(path, "%") == 0) return 0
            rest = path
            gsub(/%[0-9A-F][0-9A-F]/, "", rest)
            return index(rest, "%") || path ~ /%00|%2[EF]/
        }
        BEGIN {
            OFS = "\t"
            wanted_source = "" ENVIRON["WANTED_SOURCE"]
            wanted = "" ENVIRON["WANTED_PATH"]
        }
        /^#/ { seq = substr($0, 1, 40); split(seq, word, " "); seq = word[4]; full = word[5] == "-"; next }
        NF != 11 || $1 !~ /^[-+MAX=?]$/ || $2 !~ /^[a-z0-9][a-z0-9._-]*$/ || is_wrong($3) ||
            $4 !~ /^[fdlpscb]$/ || $5 !~ /^[0-7]+$/ || length($5) > 4 || $6 !~ /^[0-9]+$/ || $7 !~ /^[0-9]+$/ ||
            $8 !~ /^-?[0-9]+$/ || $9 !~ /^[0-9]+$/ { broken() }
        ($1 == "?" || $1 == "=") && !full { next }
        wanted_source != "" {
            if ($2 != wanted_source) next
            if (!is_below($3, wanted) && !($4 == "d" && ($3 == "." || is_below(wanted, $3)))) next
        }
        {
            folder = name = ""
            if ($3 != ".") {
                n = split($3, word, "/")
                name = word[n]
                folder = n > 1 ? substr($3, 1, length($3) - length(name) - 1) : ""
            }
            print $2, folder, name, seq, $1, $4, $5, $6, $7, $8, $9, $11
        }'
}

# Places that may hold the bytes, the one to ask first in front: index, folder, source (- where the folder holds
# sources). That is what runs after the point displaced, then what attempts that were cut off displaced: a run
# without receipt was cut off or its receipt is damaged; names of runs sort by time.
find_origins() {
    {
        for folder in "$root"/.history/*/"$host/$profile"; do
            [ -d "$folder" ] || continue
            folder=${folder%/*/*}
            printf 'H\t%s\n' "${folder##*/}"
        done
        for folder in "$root"/.work/a/*; do
            if [ -f "$folder/order.json" ] && [ -d "$folder/d" ]; then
                printf 'A\t%s\t' "${folder##*/}"
                cat -- "$folder/order.json"
                echo
            fi
        done
    } | PROFILE=$profile HOST=$host SEQ=$seq awk -F "$TAB" '
        function order(run,   i, last) {
            if (run in number) return number[run]
            for (i = 1; i <= runs; i++) if (name[i] "" < run "" && number[name[i]] > last) last = number[name[i]]
            return last + 0.5
        }
        function field(text, key) {
            if (!match(text, "\"" key "\": \"[^\"]*\"")) return ""
            return substr(text, RSTART + length(key) + 5, RLENGTH - length(key) - 6)
        }
        BEGIN { OFS = "\t"; below = ENVIRON["HOST"] "/" ENVIRON["PROFILE"] }
        FILENAME ~ /runs$/ { name[++runs] = $2; number[$2] = $1 + 0; next }
        $1 == "H" { run = $2; at = ".history/" run "/" below; sub_order = 0; source = "-" }
        $1 == "A" {
            if (field($3, "host") "/" field($3, "profile") != below) next
            run = field($3, "run"); source = field($3, "source"); at = ".work/a/" $2 "/d"; sub_order = $2
        }
        run ~ /^[0-9TZa-f-]+$/ && order(run) > ENVIRON["SEQ"] + 0 { print order(run), run, sub_order, at, source }
    ' "$tmp/runs" - | sort -t "$TAB" -k1,1n -k2,2 -k3,3n |
        awk -F "$TAB" '{ print NR "\t" $4 "\t" $5 }' >"$tmp/origins"
}

# What lies in these places, as: source, folder, name, order, the letter I, index.
displaced_lines() {
    while IFS=$TAB read -r index at source; do
        printf '\t%s\t%s\t%s\n' "$index" "$at" "$source"
        (cd "$root" && ls -RAb1p "$at") || echo "$at" >>"$tmp/unread"
        echo
    done <"$tmp/origins" | awk -F "$TAB" "$CODES"'
        function unescaped(text,   out, i, n, c) {
            if (index(text, "\\") == 0) return encoded(text)
            n = length(text)
            for (i = 1; i <= n; i++) {
                c = substr(text, i, 1)
                if (c == "\\") {
                    c = substr(text, ++i, 1)
                    if (c ~ /[0-7]/) {
                        out = out code[c * 64 + substr(text, i + 1, 1) * 8 + substr(text, i + 2, 1)]
                        i += 2
                        continue
                    }
                    if (c in control) c = control[c]
                }
                out = out code[ord[c]]
            }
            return out
        }
        BEGIN {
            OFS = "\t"
            set_codes()
            control["a"] = "\007"; control["b"] = "\b"; control["f"] = "\f"; control["n"] = "\n"
            control["r"] = "\r"; control["t"] = "\t"; control["v"] = "\013"
        }
        /^\t/ { at = $3; whole = $4; origin = $2; heading = 1; next }
        $0 == "" { heading = 1; next }
        heading {
            heading = 0
            folder = unescaped(substr($0, length(at) + 2, length($0) - length(at) - 2))
            source = whole
            if (whole == "-") {
                n = index(folder "/", "/")
                source = substr(folder, 1, n - 1)
                folder = substr(folder, n + 1)
            }
            next
        }
        source != "" && !/\/$/ { print source, folder, unescaped($0), origin - 1000000, "I", origin }'
}

# $tmp/plan, each folder before what it holds, all of one folder together: kind, source, folder, name, mode, uid,
# gid, mtime, size, target, index of the place that holds the bytes (0: current).
make_plan() {
    : >"$tmp/bad"
    : >"$tmp/unread"
    : >"$tmp/gone"
    : >"$tmp/doubts"
    { manifest_lines && displaced_lines; } | sort -T "$tmp" -t "$TAB" -k1,3 -k4,4n |
        FORGOTTEN=$tmp/forgotten GONE=$tmp/gone awk -F "$TAB" "$CODES"'
        function path_of() { return name == "" ? "." : folder == "" ? name : folder "/" name }
        function is_forgotten(   i) {
            for (i = 1; i <= acts; i++)
                if (since <= after[i] && source == whose[i] && is_below(path_of(), what[i])) return 1
            return 0
        }
        function finish() {
            if (!lives) return
            if (acts && is_forgotten()) print source "/" path_of() > ENVIRON["GONE"]
            else print kind, source, folder, name, state, origin
        }
        BEGIN {
            OFS = "\t"
            while ((getline line < ENVIRON["FORGOTTEN"]) > 0) {
                split(line, word, "\t")
                acts++
                after[acts] = word[1] + 0; whose[acts] = word[2]; what[acts] = word[3]
            }
        }
        $1 != source || $2 != folder || $3 != name || NR == 1 {
            finish()
            source = $1; folder = $2; name = $3
            lives = origin = 0
        }
        $5 == "I" { if (!origin) origin = $6; next }
        $5 == "-" || $5 == "X" { lives = 0; next }
        {
            lives = 1; since = $4 + 0; kind = $6
            state = $7 OFS $8 OFS $9 OFS $10 OFS $11 OFS $12
        }
        END { finish() }' >"$tmp/plan" ||
        die "The plan could not be made." "Il piano non si è potuto fare."
    [ ! -s "$tmp/bad" ] ||
        die "A list of this point holds what no restore may follow: $(cat "$tmp/bad"). Nothing was written." \
            "Un elenco di questo punto contiene righe inaccettabili. Nulla è stato scritto."
    [ ! -s "$tmp/unread" ] ||
        die "Part of the history cannot be read, so old files might be mistaken. Nothing was written." \
            "Una parte della storia non si può leggere: si rischierebbero file sbagliati. Nulla è stato scritto."
}

# --- what the storage holds ---------------------------------------------------------------------------

# Type, size and time of each stored file, a line each; a single - where there is nothing.
s() {
    if seen=$(stat -c '%f %s %.9Y' -- "$@" 2>/dev/null); then
        printf '%s\n' "$seen"
        return
    fi
    for stored in "$@"; do
        stat -c '%f %s %.9Y' -- "$stored" 2>/dev/null || echo -
    done
}

# Scripts from the plan. $1 is "look": $tmp/look.sh asks for every stored file. $1 is "doubt": reads the answers from
# $tmp/look and writes down in $tmp/doubts what has the size, but not the time. $1 is "write": reads the answers and
# $tmp/proved and writes the scripts that make folders, copy, and set owners, times and modes.
make_scripts() {
    AT=$tmp CURRENT=current/$host/$profile STAGE=$1 SUPER=$([ "$(id -u)" = 0 ] && echo yes) awk -F "$TAB" "$CODES"'
        # Words of one command, written out when enough of them came together.
        function add(file, command, word,   key) {
            key = file " " command
            if (!(key in words)) {
                if (pending > 5000) flush_all()
                words[key] = ""
                pending++
            }
            words[key] = words[key] " " word
            if (length(words[key]) > 60000) flush(key)
        }
        function flush(key) {
            print substr(key, index(key, " ") + 1) words[key] > (at "/" substr(key, 1, index(key, " ") - 1) ".sh")
            delete words[key]
            pending--
        }
        function flush_all(   key) {
            for (key in words) flush(key)
        }
        function fault(english, italian) {
            print source "/" path ": " english > (at "/faults")
            print source "/" path ": " italian > (at "/faults")
        }
        function make_folders(of,   i) {
            if (of in made) return
            made[of]
            add("folders", "m", quoted(raw(of)))
        }
        function doubt() {
            if ((getline answer < (at "/look")) <= 0 || split(answer, word, " ") != 3) return
            if (word[2] == size && word[3] "" != seconds(mtime))
                print source, path, size, mtime, word[3] > (at "/doubts")
        }
        function dress(goal) {
            if (super) add("owners", "o " uid ":" gid, goal)
            if (!timed) add("times", "t @" seconds(mtime), goal)
            if (kind != "l" && (kind != "d" || substr("0" mode, length(mode) - 1, 1) % 2))
                add("modes", "d 00000" mode, goal)
            else if (kind == "d") {
                closed[++last] = goal
                closed_mode[last] = mode
            }
        }
        function one(   goal, stored) {
            goal = quoted(raw(source "/" path))
            timed = 0
            if (kind == "s") return fault("a socket cannot be restored", "un socket non si può ripristinare")
            if ((kind == "c" || kind == "b") && (!super || target !~ /^[0-9]+,[0-9]+$/))
                return fault("only root may make this device", "solo root può creare questo dispositivo")
            if (kind == "f") {
                if ((getline answer < (at "/look")) <= 0) answer = "-"
                if (answer == "-")
                    return fault("the storage holds no bytes of this file", "l\047archivio non ha i dati di questo file")
                split(answer, word, " ")
                if (word[1] !~ /^8...$/)
                    return fault("what is stored is not a plain file", "ciò che è archiviato non è un file normale")
                if (word[2] != size)
                    return fault("the stored file has " word[2] " bytes; it had " size, \
                        "il file archiviato ha " word[2] " byte; ne aveva " size)
                timed = word[3] "" == seconds(mtime)
                if (!timed && !((source OFS path) in proved))
                    return fault("what is stored in its place is of another time: its bytes are gone", \
                        "ciò che sta al suo posto è di un altro momento: i suoi dati non ci sono più")
                total += size
            }
            if (kind == "d") make_folders(source (path == "." ? "" : "/" path))
            else make_folders(source (folder == "" ? "" : "/" folder))
            if (kind == "d") folders++
            else files++
            if (kind == "d" && path == ".") goal = quoted(source)
            if (kind == "f") add("copy", "c " quoted(raw(source (folder == "" ? "" : "/" folder))), quoted(raw(held())))
            if (kind == "l") print "l " quoted(raw(target)) " " goal > (at "/special.sh")
            if (kind == "p") print "p " goal > (at "/special.sh")
            if (kind == "c" || kind == "b") {
                sub(/,/, " ", target)
                print "n " goal " " kind " " target > (at "/special.sh")
            }
            dress(goal)
        }
        function held() {
            if (origin == 0) return current "/" source "/" path
            return place[origin] (whole[origin] == "-" ? "/" source : "") "/" path
        }
        BEGIN {
            OFS = "\t"
            set_codes()
            at = ENVIRON["AT"]; current = ENVIRON["CURRENT"]; super = ENVIRON["SUPER"] == "yes"
            looks = ENVIRON["STAGE"] == "look"; doubts = ENVIRON["STAGE"] == "doubt"
            if (ENVIRON["STAGE"] == "write") while ((getline line < (at "/proved")) > 0) proved[line]
            while ((getline line < (at "/origins")) > 0) {
                split(line, word, "\t")
                place[word[1]] = word[2]; whole[word[1]] = word[3]
            }
        }
        {
            kind = $1
            source = $2; folder = $3
            path = $4 == "" ? "." : $3 == "" ? $4 : $3 "/" $4
            mode = $5; uid = $6; gid = $7; mtime = $8; size = $9; target = $10; origin = $11
        }
        looks { if (kind == "f") add("look", "s", quoted(raw(held()))); next }
        doubts { if (kind == "f") doubt(); next }
        { one() }
        END {
            flush_all()
            for (; last > 0; last--) print "d 00000" closed_mode[last] " " closed[last] > (at "/closed.sh")
            if (!looks && !doubts) printf "%d %d %.0f\n", files, folders, total > (at "/totals")
        }' "$tmp/plan" || die "The plan could not be made." "Il piano non si è potuto fare."
}

# $tmp/proved (source, path): those of $tmp/doubts that have the time of another state of the same content. The lists of
# all runs tell, later ones too: a file is stored once for all states between two changes of its bytes. With
# ANY_TIME=yes also those whose time is that of no state at all: it was lost when the storage was copied.
settle_doubts() {
    : >"$tmp/proved"
    [ -s "$tmp/doubts" ] || return 0
    for list in "$root/.receipts/$host/$profile"/*.tsv.gz; do
        gzip -dc <"$list" 2>/dev/null
    done | DOUBTS=$tmp/doubts awk -F "$TAB" "$CODES"'
        BEGIN {
            while ((getline line < ENVIRON["DOUBTS"]) > 0) {
                split(line, word, "\t")
                path = word[1] "\t" word[2]
                size[path] = word[3]; meant[path] = word[4]; stands[path] = word[5]
            }
        }
        NF == 11 && $4 == "f" && ($2 "\t" $3) in size {
            path = $2 "\t" $3
            if ($9 != size[path]) next
            if ($8 "" == meant[path] && $10 != "") own[path, $10]
            if (seconds($8) == stands[path]) found[path, $10]
        }
        END {
            for (key in found) {
                split(key, word, SUBSEP)
                if (key in own) same[word[1]]
                else other[word[1]]
            }
            for (path in size) if (!(path in other) && (path in same || ENVIRON["ANY_TIME"] == "yes")) print path
        }' >"$tmp/proved"
}

# --- the work -----------------------------------------------------------------------------------------

# One-letter commands of the scripts above. Paths are relative: stored ones to the storage, goals to $goal.

c() {
    into=$goal/$1
    shift
    cp -P --reflink=auto --sparse=auto --preserve=timestamps -t "$into" -- "$@" && return
    for stored in "$@"; do
        copied=$into/${stored##*/}
        if [ "$(stat -c %s -- "$stored" 2>&1)" != "$(stat -c %s -- "$copied" 2>&1)" ]; then
            problems=$((problems + 1))
            rm -f -- "$copied" # better no file than half of one
        fi
    done
    case $(stat -f -c '%a-%d-' -- "$goal") in
        0-* | *-0-) stopped "No room is left in $goal." "Non c'è più spazio in $goal." ;;
    esac
}

l() { ln -s -T -- "$1" "$goal/$2" || problems=$((problems + 1)); }
p() { mkfifo -- "$goal/$1" || problems=$((problems + 1)); }
n() { mknod -- "$goal/$1" "$2" "$3" "$4" || problems=$((problems + 1)); }
m() { mkdir -p -- "$@" || problems=$((problems + 1)); }
o() { chown -h -- "$@" || problems=$((problems + 1)); }
d() { chmod -- "$@" || problems=$((problems + 1)); }
t() {
    when=$1
    shift
    touch -c -h -m -d "$when" -- "$@" || problems=$((problems + 1))
}

stopped() {
    die "$1 The restore stopped; what it wrote so far is there, the rest is not." \
        "$2 Il ripristino si è fermato; c'è solo ciò che è stato scritto finora."
}

# Carries out one of the scripts, in a folder.
carry_out() {
    [ -f "$tmp/$2.sh" ] || return 0
    cd -- "$1" || stopped "$1 cannot be entered." "Non si può entrare in $1."
    # shellcheck disable=SC1090  # made above
    . "$tmp/$2.sh"
}

check_goal() {
    case $1 in
        /*) goal=$1 ;;
        *)
            full_path . || die "The current folder is gone." "La cartella attuale non c'è più."
            goal=$place/$1
            ;;
    esac
    if [ -e "$goal" ] || [ -h "$goal" ]; then
        [ -d "$goal" ] || die "$goal is not a folder." "$goal non è una cartella."
        there=$(ls -Ab -- "$goal") || die "$goal cannot be read." "$goal non si può leggere."
        [ -z "$there" ] || die "$goal is not empty; choose a new folder." "$goal non è vuota; scegliere una cartella nuova."
    else
        case $goal/ in
            */../*) die "Write the new folder without '..'." "Scrivere la cartella nuova senza '..'." ;;
        esac
    fi
    above=$goal
    until [ -d "$above" ]; do
        above=${above%/*}
        [ -n "$above" ] || above=/
    done
    full_path "$above" || die "$above cannot be entered." "Non si può entrare in $above."
    case ${place%/}/ in
        "${root%/}"/*)
            die "$goal lies in the storage; choose a folder outside." "$goal è nell'archivio; scegliere una cartella fuori."
            ;;
    esac
}

# Sets only_source and only_path (percent-encoded) from SOURCE[/PATH]; empty: everything.
choose_part() {
    only_source=''
    only_path=.
    [ -n "$1" ] || return 0
    part=$1
    while [ "$part" != "${part%/}" ]; do part=${part%/}; done
    only_source=${part%%/*}
    is_name "$only_source" || wrong_use "'$1' does not begin with the name of a source." "'$1' non comincia con il nome di una sorgente."
    [ "$part" != "$only_source" ] || return 0
    case /${part#*/}/ in
        *//* | */./* | */../*) wrong_use "'$1' is not a path inside a source." "'$1' non è un percorso in una sorgente." ;;
    esac
    only_path=$(PART=${part#*/} awk "$CODES"'BEGIN { set_codes(); print encoded("" ENVIRON["PART"]) }')
}

require_something() {
    # shellcheck disable=SC2016  # awk, not shell
    WANTED=$only_path awk -F "$TAB" "$CODES"'
        BEGIN { wanted = "" ENVIRON["WANTED"] }
        is_below($4 == "" ? "." : $3 == "" ? $4 : $3 "/" $4, wanted) { found = 1; exit }
        END { exit !found }' "$tmp/plan" && return
    tell_forgotten
    die "Nothing of this existed at point $seq; nothing was written." \
        "Niente di questo esisteva al punto $seq; nulla è stato scritto."
}

tell_forgotten() {
    while IFS= read -r name; do
        tell "$name: forgotten on purpose, not restored." "$name: dimenticato di proposito, non ripristinato."
    done <"$tmp/gone"
}

tell_faults() {
    [ -f "$tmp/faults" ] || return 0
    while IFS= read -r english && IFS= read -r italian; do
        problem "$english" "$italian"
    done <"$tmp/faults"
}

restore() {
    choose_point "$1"
    [ "$head" != null ] || die "Point $seq holds nothing." "Il punto $seq non contiene nulla."
    check_goal "$2"
    choose_part "$3"
    find_chain
    find_origins
    make_plan
    require_something
    make_scripts look
    carry_out "$root" look >"$tmp/look"
    make_scripts doubt
    settle_doubts
    make_scripts write
    read -r files folders bytes <"$tmp/totals"
    tell_faults
    tell_forgotten
    [ "$files$folders" != 00 ] || die "Nothing can be restored; nothing was written." "Nulla si può ripristinare; nulla è stato scritto."
    printf 'Point %s of %s / Punto %s del %s: %s files, %s folders/cartelle, %s bytes\n' \
        "$seq" "$finished" "$seq" "$finished" "$files" "$folders" "$bytes"
    { mkdir -p -- "$goal" && full_path "$goal"; } || die "$goal cannot be made." "$goal non si può creare."
    goal=$place
    carry_out "$goal" folders
    carry_out "$root" copy
    carry_out "$root" special
    for step in owners times modes closed; do
        carry_out "$goal" "$step"
    done
    if [ "$problems" -gt 0 ]; then
        die "Done, with $problems problems (named above): $goal" "Finito, con $problems problemi (nominati sopra): $goal"
    fi
    printf 'Done / Finito: %s\n' "$goal"
}

# --- start --------------------------------------------------------------------------------------------

require_tools() {
    for tool in awk cat chmod chown cp gzip head id ln ls mkdir mkfifo mknod mktemp rm sha256sum sort stat touch tr; do
        command -v "$tool" >/dev/null || die "The program $tool is missing." "Manca il programma $tool."
    done
    case $(stat -c %.9Y / 2>&1) in
        *[!0-9.-]* | '') die "This needs the stat, cp and touch of GNU coreutils." "Servono stat, cp e touch di GNU coreutils." ;;
    esac
}

main() {
    find_root
    case $#:${1:-} in
        0:* | 1:-h | 1:--help)
            usage
            list_profiles
            exit 0
            ;;
        2:* | 4:* | 5:*) ;;
        *) wrong_use "Wrong number of arguments." "Numero di argomenti sbagliato." ;;
    esac
    host=$1
    profile=$2
    if ! is_name "$host" || ! is_name "$profile" || [ ! -d "$root/.receipts/$host/$profile" ]; then
        list_profiles >&2
        die "This storage knows no profile '$profile' of a host '$host'." "L'archivio non conosce il profilo '$profile' dell'host '$host'."
    fi
    require_tools
    tmp=$(mktemp -d "${TMPDIR:-/tmp}/restore.XXXXXX") ||
        die "No temporary folder can be made; set TMPDIR." "Non si può creare una cartella temporanea; impostare TMPDIR."
    read_books
    if [ $# = 2 ]; then
        list_points
    else
        [ -n "$4" ] || wrong_use "DIR is empty." "CARTELLA è vuota."
        restore "$3" "$4" "${5:-}"
    fi
    [ "$problems" = 0 ] || exit 1
}

main "$@"
