"""English texts for errors: what happened, what it means, what to do. Codes are ours and the server's."""

from collections.abc import Mapping
from typing import Final


def _problem(code: str, what: str, meaning: str, advice: str) -> dict[str, str]:
    return {
        f"problem.{code}.what": what,
        f"problem.{code}.meaning": meaning,
        f"problem.{code}.advice": advice,
    }


PROBLEMS: Final[Mapping[str, str]] = {
    # this side
    **_problem(
        "config-unreadable",
        "The configuration file {file} cannot be read.",
        "Without it the client does not know which server to trust.",
        "Give yourself the right to read it, or name another file with --config.",
    ),
    **_problem(
        "config-not-json",
        "The configuration file {file} is not JSON.",
        "Nothing in it was used, so that half a file cannot do harm.",
        "Mend the place below, or remove the file and sign in anew.",
    ),
    **_problem(
        "config-invalid",
        "The configuration file {file} holds values that cannot be used.",
        "Nothing in it was used, so that half a file cannot do harm.",
        "Mend the places below. The allowed values are in config.schema.json.",
    ),
    **_problem(
        "config-not-saved",
        "The configuration file {file} could not be written.",
        "The settings hold until you close the client; the old file is as it was.",
        "Check the free space and your right to write there.",
    ),
    **_problem(
        "ca-unreadable",
        "The certificate {file} cannot be read.",
        "Without it nobody can tell your server from an impostor. Nothing was sent.",
        "Choose the file ca.pem that your administrator gave you.",
    ),
    **_problem(
        "ca-invalid",
        "{file} does not hold exactly one certificate in PEM form.",
        "Without it nobody can tell your server from an impostor. Nothing was sent.",
        "Choose the file ca.pem that your administrator gave you.",
    ),
    **_problem(
        "ca-other",
        "{file} is another certificate than the one whose fingerprint is set.",
        "File and fingerprint must agree. The file has {found}. Nothing was sent.",
        "Ask your administrator which one is right, and correct the other.",
    ),
    **_problem(
        "bad-endpoint",
        "The address of the server cannot be used.",
        "It is https://, a name, and a port if need be: https://backup.example:8443.",
        "Correct the address.",
    ),
    **_problem(
        "bad-fingerprint",
        "The fingerprint cannot be used.",
        "It is a SHA-256: 64 hexadecimal digits, with colons or without.",
        "Copy it whole from what the server shows.",
    ),
    **_problem(
        "offline",
        "The server does not answer.",
        "It is off, the network is down, or the address is wrong. Backups kept there are not touched.",
        "Check the network and the address, then try again.",
    ),
    **_problem(
        "timeout",
        "The server took too long.",
        "It may be busy, or the network is bad. A backup that runs goes on.",
        "Try again in a minute.",
    ),
    **_problem(
        "tls-untrusted",
        "{host} could not prove that it is your server.",
        "Another machine may stand in between, or the server got a new certificate. Nothing was sent.",
        "Do not sign in elsewhere with this password. Ask your administrator for the present ca.pem.",
    ),
    **_problem(
        "tls-name",
        "The server's certificate is for another name than {host}.",
        "The server knows itself by another name, or it is another machine. Nothing was sent.",
        "Use the name your administrator gave you, or ask for this one to be added to the certificate.",
    ),
    **_problem(
        "tls-time",
        "The certificate of {host} is out of date, or the clock of this computer is wrong.",
        "Nothing was sent.",
        "Check date and time here, then tell your administrator.",
    ),
    **_problem(
        "tls-fingerprint",
        "{host} shows no certificate with the fingerprint that is set.",
        "It is another machine, or it does not send its CA certificate. Nothing was sent.",
        "Compare the fingerprint with your administrator, or use the file ca.pem.",
    ),
    **_problem(
        "bad-answer",
        "The server answers in a way this program does not understand.",
        "Server and client have different versions, or it is not a backup server.",
        "Update the older of the two.",
    ),
    **_problem(
        "unknown",
        "The server refused with the code {code}.",
        "This program does not know that code.",
        "Show your administrator the words below.",
    ),
    # the server: requests
    **_problem(
        "sign-in-refused",
        "The server did not let you in.",
        "It does not say whether name or password is wrong, so that nobody can guess names.",
        "Check both, and mind capital letters.",
    ),
    **_problem(
        "access-denied",
        "Your account may not do this.",
        "Nothing was changed.",
        "Ask an administrator.",
    ),
    **_problem(
        "too-many-attempts",
        "There were too many attempts that failed.",
        "Somebody may be guessing, so the server looks at no further one for a while.",
        "Wait as long as it says below, or ask an administrator to unlock your account.",
    ),
    **_problem(
        "second-factor-needed",
        "Your account asks for a code from your phone as well.",
        "The password is right, and is not enough.",
        "Sign in again, and enter the code when it is asked for.",
    ),
    **_problem(
        "code-refused",
        "The code was not accepted.",
        "It is mistyped, too old, or was used before: each counts once.",
        "Wait for the next one and see that the phone's clock is right, or take a recovery code. "
        "If that does not help, go back and enter your password anew.",
    ),
    **_problem(
        "session-ended",
        "Your sign-in has ended.",
        "The server does not take you for signed in any more. Running backups go on.",
        "Sign in again.",
    ),
    **_problem(
        "invalid-input",
        "The server cannot use a value.",
        "Nothing was changed.",
        "Correct it as the server says.",
    ),
    **_problem(
        "not-found",
        "The server does not know it.",
        "It was removed or renamed meanwhile.",
        "Refresh the list.",
    ),
    **_problem(
        "conflict",
        "That does not go now.",
        "Its present state does not allow it. Nothing was changed.",
        "Refresh, and do as the server says.",
    ),
    **_problem(
        "illegal-transition",
        "The job is past that.",
        "It has ended, or another program handles it.",
        "Refresh the list.",
    ),
    **_problem(
        "refused",
        "The server refused.",
        "It understood, and does not allow it.",
        "Ask an administrator.",
    ),
    **_problem(
        "path-not-allowed",
        "The server may not read that folder.",
        "It lies outside the folders allowed for this computer. Nothing was read or changed.",
        "Choose another folder, or ask an administrator to allow this one.",
    ),
    **_problem(
        "path-refused",
        "The server cannot use that path.",
        "It is no full path, or one that cannot be compared with the allowed folders. Nothing was changed.",
        "Choose the folder by its full path, as the computer itself shows it.",
    ),
    # the server: how jobs end
    **_problem(
        "host-unreachable",
        "The computer did not answer.",
        "It is off, asleep or not on the network. This is no damage.",
        "Switch it on and back up again.",
    ),
    **_problem(
        "held-off",
        "The schedule allowed no start when its turn had come.",
        "It is a time that its windows or blackouts forbid, or the computer was busy. This is no damage.",
        "Nothing is to be done: it starts when it may. To have one now, start it here.",
    ),
    **_problem(
        "transfer-interrupted",
        "The connection broke off in the middle.",
        "What had come over is kept; the next backup goes on there.",
        "Back up again. If it happens often, check the network.",
    ),
    **_problem(
        "transfer-timeout",
        "It took too long.",
        "Nothing moved for a while. What had come over is kept.",
        "Back up again; check whether the computer sleeps or the network is slow.",
    ),
    **_problem(
        "store-busy",
        "Another job works on this profile.",
        "Two at once would get in each other's way.",
        "Wait until it is done.",
    ),
    **_problem(
        "authentication-refused",
        "The computer did not let the server in.",
        "Its backup account refuses the server's key, certificate or password.",
        "If you gave its password, try again. Else an administrator sees what it must hold: bck host key.",
    ),
    **_problem(
        "private-key-unreadable",
        "The server cannot read its own key for the computer.",
        "The computer is not at fault: the key kept at the server is damaged, or none.",
        "An administrator gives the server another private key for the computer.",
    ),
    **_problem(
        "seal-broken",
        "The server cannot open the password that was sent.",
        "Its key was replaced while the job waited. Nobody can read the password any more.",
        "Start the job again, with the password.",
    ),
    **_problem(
        "host-key-changed",
        "The computer shows another identity than before.",
        "It was installed anew, or another machine pretends to be it. Nothing was read.",
        "Tell your administrator before anything else.",
    ),
    **_problem(
        "host-key-unknown",
        "The computer's identity is not known yet.",
        "Without it nobody can tell it from another machine.",
        "An administrator enters its host key at the server.",
    ),
    **_problem(
        "host-not-enrolled",
        "This computer is not enrolled yet.",
        "The server does not know it, so nothing connects to it and nothing is backed up.",
        "An administrator makes a token for it; it is redeemed on that computer with bck-gate enrol.",
    ),
    **_problem(
        "rsync-missing",
        "The computer has no usable rsync.",
        "Without that program its files cannot be read.",
        "Install rsync there, or let the backup account start it.",
    ),
    **_problem(
        "source-missing",
        "None of the folders could be read.",
        "They were moved or renamed, a disk is unplugged, or the backup account may not read them.",
        "Check the folders in the list, then back up again.",
    ),
    **_problem(
        "files-missing",
        "Most of the files had vanished from the computer.",
        "Nothing was marked as deleted; everything backed up so far stays.",
        "Look for an unplugged disk or a moved folder. If the files are really gone, tell an administrator.",
    ),
    **_problem(
        "much-unread",
        "More than a tenth of what was there before could not be read.",
        "It keeps its last version, and this backup does not count as a good one.",
        "Look at the list of problems: close the programs that hold the files, or show the list to an "
        "administrator.",
    ),
    **_problem(
        "content-forged",
        "The computer sent forged files.",
        "They were made to look like those backed up before. All earlier backups stay as they were.",
        "Tell your administrator at once: somebody may have taken this computer over.",
    ),
    **_problem(
        "transfer-failed",
        "The files could not be copied.",
        "Trying again changes nothing until somebody acts.",
        "Show your administrator the words below and the log.",
    ),
    **_problem(
        "sent-twice",
        "The computer behaves as one that was taken over.",
        "It sent a file twice, as no honest program does. The backup was stopped; earlier copies are kept.",
        "Tell your administrator before anything else.",
    ),
    **_problem(
        "job-given-up",
        "The backup brought down the server's worker again and again.",
        "It was given up so that other backups get their turn; what had arrived is kept.",
        "Tell your administrator; afterwards start it again.",
    ),
    **_problem(
        "vetoed",
        "A rule of the server stopped the backup.",
        "A plugin refused it and said why.",
        "Read the reason below; an administrator can lift it.",
    ),
    **_problem(
        "store-full",
        "The server has no room left.",
        "Nothing was lost, and nothing new is kept until there is room.",
        "Tell your administrator now.",
    ),
    **_problem(
        "quota-exceeded",
        "The backups of this computer fill all the space that they may have.",
        "Nothing was lost, and nothing new is kept until there is room.",
        "Tell your administrator: more space can be given, or older backups let go.",
    ),
    **_problem(
        "storage",
        "The backup storage is not as it must be.",
        "The server stopped before it could do harm.",
        "An administrator runs “bck doctor” on the server.",
    ),
    **_problem(
        "delivery-failed",
        "A message to people was not delivered.",
        "Backups go on; the message waits and is tried again.",
        "Tell your administrator, who sees why on the server.",
    ),
    **_problem(
        "too-busy",
        "The server is at work on as many requests of this kind as it takes on.",
        "Nothing was looked at or changed. Backups go on.",
        "Try again in a few seconds.",
    ),
    **_problem(
        "database-busy",
        "The server's database was busy for too long.",
        "No backup is lost, and none was changed.",
        "Try again in a few minutes.",
    ),
    **_problem(
        "database-unreachable",
        "The server cannot reach its database just now.",
        "No backup is lost, and none was changed.",
        "Try again in a few minutes. If it stays so, tell whoever looks after the server.",
    ),
    **_problem(
        "database-moved",
        "The server is being moved to another database.",
        "No backup is lost, and none was changed. Backups that were under way go on afterwards.",
        "Try again in a few seconds.",
    ),
    **_problem(
        "database-damaged",
        "The server's database is damaged or gone.",
        "It is only an index: every backup is still there.",
        "An administrator runs “bck catalog rebuild” on the server.",
    ),
    **_problem(
        "cancelled",
        "The job was stopped.",
        "Somebody stopped it, or the server was shut down.",
        "Back up again when you like.",
    ),
    **_problem(
        "lease-lost",
        "Another process of the server took the job over.",
        "It carries on there.",
        "Refresh the list.",
    ),
    **_problem(
        "internal",
        "The server made a mistake of its own.",
        "Nothing kept was lost; the next run puts things in order.",
        "Show your administrator the words below.",
    ),
}
