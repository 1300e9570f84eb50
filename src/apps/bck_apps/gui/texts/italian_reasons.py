"""Testi italiani per ciò da cui viene il problema di un file. I codici sono quelli del server."""

from collections.abc import Mapping
from typing import Final


def _reason(code: str, title: str, cause: str, advice: str) -> dict[str, str]:
    return {f"reason.{code}.title": title, f"reason.{code}.cause": cause, f"reason.{code}.advice": advice}


REASONS: Final[Mapping[str, str]] = {
    **_reason(
        "no-permission",
        "Manca il diritto di leggere",
        "L'utente che legge per il backup non può leggerlo. Ciò che era già salvato resta com'era.",
        "Chiedi il diritto di leggerlo su questo computer, o di escluderlo dal backup.",
    ),
    **_reason(
        "in-use",
        "In uso da un programma",
        "Un altro programma lo tiene occupato. Ciò che era già salvato resta com'era.",
        "Chiudi quel programma, o fai il backup quando non è in uso; il prossimo backup riprova da solo.",
    ),
    **_reason(
        "not-there",
        "Non c'è",
        "Non c'è, o il disco su cui si trova non è collegato. Niente è stato segnato come cancellato.",
        "Controlla che la cartella esista e che il suo disco sia collegato, poi rifai il backup.",
    ),
    **_reason(
        "read-error",
        "Errore del disco",
        "Il disco non riesce a leggerlo, come quando comincia a guastarsi. Le copie precedenti restano.",
        "Fai controllare presto quel disco, e copia ciò che conta finché risponde ancora.",
    ),
    **_reason(
        "name-too-long",
        "Nome troppo lungo",
        "Il nome o l'intero percorso è più lungo di quanto l'archivio accetti: 255 byte, o circa 4000.",
        "Accorcia il nome, o quelli delle cartelle sopra, o chiedi di escluderlo dal backup.",
    ),
    **_reason(
        "vanished",
        "Sparito durante la lettura",
        "È stato cancellato o rinominato mentre il backup leggeva la sua cartella. Decide il prossimo.",
        "Niente da fare.",
    ),
    **_reason(
        "unreadable",
        "Non si poteva leggere",
        "Il computer non è riuscito a leggerlo. Le copie precedenti restano.",
        "Prova ad aprirlo; il prossimo backup riprova da solo.",
    ),
    **_reason(
        "unlisted",
        "Cartella che non si apre",
        "Il computer non è riuscito a elencare questa cartella. Ciò che contiene resta com'era.",
        "Prova ad aprire la cartella; il prossimo backup riprova da solo.",
    ),
    **_reason(
        "store-refused",
        "Rifiutato dall'archivio",
        "L'archivio sul server non ha potuto prenderlo. Ciò che era già salvato resta com'era.",
        "Avvisa l'amministratore: bck doctor sul server dice di più.",
    ),
    **_reason(
        "harmed",
        "Copia salvata danneggiata",
        "La copia salvata era cambiata: è stata messa da parte, e quella del computer ne ha preso il posto.",
        "Avvisa l'amministratore, che cerchi chi scrive lì o un disco che si guasta.",
    ),
    **_reason(
        "forged",
        "Contenuto falsificato",
        "Il computer ha mandato, non richiesto, un file che imita quello di prima. Le copie restano.",
        "Avvisa subito l'amministratore: qualcuno può aver preso il controllo di questo computer.",
    ),
    **_reason(
        "not-restored",
        "Non si poteva scrivere",
        "Non si è potuto scrivere dove doveva andare.",
        "Fai spazio o dai il diritto di scrivere lì, poi ripristina di nuovo quel percorso.",
    ),
    **_reason(
        "bad-rule",
        "Regola inutilizzabile",
        "Una regola in un file .bckignore non si può usare, quindi non esclude niente.",
        "Correggi quella riga; il messaggio dice che cosa non va.",
    ),
    **_reason(
        "not-understood",
        "Non si capisce",
        "Il messaggio non si capisce, quindi nessuno sa che cosa nasconda: niente conta come cancellato.",
        "Leggilo com'è. Se torna dopo ogni backup, avvisa l'amministratore.",
    ),
}
