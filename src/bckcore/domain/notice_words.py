"""The words of notices in English and Italian: headlines, what they mean, what to do."""

from collections.abc import Mapping
from dataclasses import dataclass

from bckcore.domain.notice import NoticeKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """How one kind of notice is told. ``{profile}`` and the like are filled in."""

    headline: str
    several: str
    """A subject for many of them; ``{count}`` is filled in."""
    means: str
    do: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One language."""

    phrases: Mapping[NoticeKind, Phrase]
    advice: Mapping[str, str]
    """What to do, by error code, where that is more exact than what the kind of notice says."""
    moment: str
    """How ``strftime`` writes a moment."""
    means: str
    do: str
    says: str
    when: str
    times: str
    good_at: str
    never_good: str
    offline: str
    reminder: str
    more: str
    greeting: str
    closing: str


_E, _I = "en", "it"
_K = NoticeKind

_ENGLISH = Words(
    phrases={
        _K.HOST_KEY: Phrase(
            headline="{host}: ALARM, the PC shows another host key",
            several="ALARM: {count} PCs show another host key",
            means="It was installed anew, or another machine stands in its place. Nothing was sent to it, "
            "and nothing is backed up from it.",
            do="Ask on the phone whether the PC was installed anew, and compare the fingerprint there. Only "
            "then pin its new key: bck host set {host} --host-key KEY.",
        ),
        _K.HOSTILE: Phrase(
            headline="{host}: ALARM, the PC does what no honest PC does",
            several="ALARM: {count} PCs do what no honest PC does",
            means="Somebody has taken it over, and tried to harm what is stored. All that was kept before "
            "stays as it was; do not trust what it sends.",
            do="Take the PC off the network and look at it. See the run: bck run show {profile} {seq}. "
            "Restore from a point before it.",
        ),
        _K.STORAGE_FULL: Phrase(
            headline="{profile} on {host}: the backup storage is full",
            several="storage full in {count} backups",
            means="It stopped. Nothing that was kept is lost; nothing new is kept until there is room.",
            do="Make room on the server or forget old points: bck prune {profile}. Look with: bck doctor.",
        ),
        _K.STALE: Phrase(
            headline="{profile} on {host}: no good backup within {within}",
            several="{count} profiles without a fresh backup",
            means="What changed on the PC since the newest good backup is kept nowhere else.",
            do="See why: bck schedule {profile}. If the PC is off, switch it on; then: bck backup {profile}.",
        ),
        _K.SUSPECT: Phrase(
            headline="{profile} on {host}: most files have vanished",
            several="{count} suspect backups",
            means="A disk may be unplugged, or somebody deleted or encrypted them. Earlier copies are kept.",
            do="Look at the PC. If they were meant to go: bck backup {profile} --accept-missing.",
        ),
        _K.FAILED: Phrase(
            headline="{profile} on {host}: the backup failed",
            several="{count} failed backups",
            means="Earlier backups are untouched; what changed since is not backed up yet.",
            do="See the run: bck run show {profile} {seq}. Mend the cause, then: bck backup {profile}.",
        ),
        _K.PARTIAL: Phrase(
            headline="{profile} on {host}: backed up, but for {problems} of its files or folders",
            several="{count} backups with problems",
            means="All else is backed up; what could not be read keeps its earlier copy.",
            do="See which, why and what to do: bck run problems {profile} {seq}.",
        ),
        _K.UNREACHABLE: Phrase(
            headline="{host} does not answer",
            several="{count} PCs do not answer",
            means="It is off, asleep or not on the network. Backups are made up for when it is back.",
            do="Nothing, unless it should be on: then look at its network.",
        ),
        _K.RECOVERED: Phrase(
            headline="{profile} on {host}: good again",
            several="{count} profiles are good again",
            means="The newest good backup is as fresh as it has to be.",
            do="Nothing.",
        ),
        _K.SUCCEEDED: Phrase(
            headline="{profile} on {host}: backed up",
            several="{count} good backups",
            means="Everything was read.",
            do="Nothing.",
        ),
        _K.TEST: Phrase(
            headline="a test message",
            several="{count} test messages",
            means="Messages of this server reach you by this way.",
            do="Nothing.",
        ),
    },
    advice={
        "authentication-refused": "See what the PC must hold: bck host key {host}. Then try: "
        "bck host probe {host}.",
        "enrolment-refused": "Ask on the phone whether the PC was installed anew. Only then: "
        "bck host enrol {host} --replace-host-key.",
        "rsync-missing": "Install rsync on the PC, then try: bck host probe {host}.",
        "source-missing": "See that the folder exists on the PC and its disk is connected.",
    },
    moment="%Y-%m-%d %H:%M %Z",
    means="What it means",
    do="What to do",
    says="The program says",
    when="When",
    times="{count} times since {first}",
    good_at="Newest good backup",
    never_good="there never was one",
    offline="The PC has not answered since",
    reminder="A reminder; told before on",
    more="and {count} more; see: bck health, bck jobs",
    greeting="Backup Orchestrator on {server} tells:",
    closing="What is told, and how: the section [notify] of the settings, and 'bck notify list'.",
)

_ITALIAN = Words(
    phrases={
        _K.HOST_KEY: Phrase(
            headline="{host}: ALLARME, il PC mostra un'altra chiave host",
            several="ALLARME: {count} PC mostrano un'altra chiave host",
            means="È stato reinstallato, o al suo posto c'è un'altra macchina. Nulla le è stato mandato, "
            "e nulla ne viene salvato.",
            do="Chiedi per telefono se il PC è stato reinstallato, e confronta lì l'impronta. Solo allora "
            "fissa la nuova chiave: bck host set {host} --host-key CHIAVE.",
        ),
        _K.HOSTILE: Phrase(
            headline="{host}: ALLARME, il PC fa ciò che nessun PC onesto fa",
            several="ALLARME: {count} PC fanno ciò che nessun PC onesto fa",
            means="Qualcuno ne ha preso il controllo, e ha cercato di guastare ciò che è salvato. Tutto "
            "quanto era salvato prima resta com'era; non fidarti di ciò che manda.",
            do="Stacca il PC dalla rete e controllalo. Guarda l'esecuzione: bck run show {profile} {seq}. "
            "Ripristina da un punto precedente.",
        ),
        _K.STORAGE_FULL: Phrase(
            headline="{profile} su {host}: l'archivio dei backup è pieno",
            several="archivio pieno in {count} backup",
            means="Il backup si è fermato. Nulla di quanto era salvato è perso; nulla di nuovo si salva "
            "finché non c'è spazio.",
            do="Fai spazio sul server o dimentica vecchi punti: bck prune {profile}. Guarda: bck doctor.",
        ),
        _K.STALE: Phrase(
            headline="{profile} su {host}: nessun backup buono entro {within}",
            several="{count} profili senza un backup recente",
            means="Ciò che è cambiato sul PC dopo l'ultimo backup buono non è salvato da nessun'altra parte.",
            do="Guarda perché: bck schedule {profile}. Se il PC è spento, accendilo: bck backup {profile}.",
        ),
        _K.SUSPECT: Phrase(
            headline="{profile} su {host}: la maggior parte dei file è sparita",
            several="{count} backup sospetti",
            means="Forse un disco è scollegato, o qualcuno li ha cancellati o cifrati. Tutte le copie "
            "precedenti sono salve.",
            do="Guarda il PC. Se dovevano sparire: bck backup {profile} --accept-missing.",
        ),
        _K.FAILED: Phrase(
            headline="{profile} su {host}: il backup è fallito",
            several="{count} backup falliti",
            means="I backup precedenti sono intatti; ciò che è cambiato dopo non è ancora salvato.",
            do="Guarda: bck run show {profile} {seq}. Rimuovi la causa, poi: bck backup {profile}.",
        ),
        _K.PARTIAL: Phrase(
            headline="{profile} su {host}: salvato, tranne {problems} tra file e cartelle",
            several="{count} backup con problemi",
            means="Tutto il resto è salvato; ciò che non si è potuto leggere conserva la copia precedente.",
            do="Quali, perché e che cosa fare: bck run problems {profile} {seq}.",
        ),
        _K.UNREACHABLE: Phrase(
            headline="{host} non risponde",
            several="{count} PC non rispondono",
            means="È spento, in sospensione o fuori rete. I backup si recuperano quando torna.",
            do="Nulla, a meno che debba essere acceso: allora controlla la sua rete.",
        ),
        _K.RECOVERED: Phrase(
            headline="{profile} su {host}: di nuovo a posto",
            several="{count} profili di nuovo a posto",
            means="L'ultimo backup buono è recente quanto deve.",
            do="Nulla.",
        ),
        _K.SUCCEEDED: Phrase(
            headline="{profile} su {host}: salvato",
            several="{count} backup riusciti",
            means="Tutto è stato letto.",
            do="Nulla.",
        ),
        _K.TEST: Phrase(
            headline="un messaggio di prova",
            several="{count} messaggi di prova",
            means="I messaggi di questo server ti raggiungono per questa via.",
            do="Nulla.",
        ),
    },
    advice={
        "authentication-refused": "Guarda che cosa deve avere il PC: bck host key {host}. Poi prova: "
        "bck host probe {host}.",
        "enrolment-refused": "Chiedi per telefono se il PC è stato reinstallato. Solo allora: "
        "bck host enrol {host} --replace-host-key.",
        "rsync-missing": "Installa rsync sul PC, poi prova: bck host probe {host}.",
        "source-missing": "Controlla che la cartella esista sul PC e che il suo disco sia collegato.",
    },
    moment="%d/%m/%Y %H:%M %Z",
    means="Che cosa significa",
    do="Che cosa fare",
    says="Il programma dice (in inglese)",
    when="Quando",
    times="{count} volte dal {first}",
    good_at="Ultimo backup buono",
    never_good="non c'è mai stato",
    offline="Il PC non risponde dal",
    reminder="Promemoria; già detto il",
    more="e altri {count}; guarda: bck health, bck jobs",
    greeting="Backup Orchestrator su {server} comunica:",
    closing="Che cosa si comunica, e come: la sezione [notify] delle impostazioni, e 'bck notify list'.",
)

LANGUAGES: Mapping[str, Words] = {_E: _ENGLISH, _I: _ITALIAN}
"""By the setting ``notify.language``."""
