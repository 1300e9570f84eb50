"""Testi italiani per gli errori: che cosa è successo, che cosa significa, che cosa fare."""

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
        "Il file di configurazione {file} non si può leggere.",
        "Senza, il programma non sa di quale server fidarsi.",
        "Dai a te stesso il permesso di leggerlo, o indica un altro file con --config.",
    ),
    **_problem(
        "config-not-json",
        "Il file di configurazione {file} non è JSON.",
        "Non ne è stato usato nulla: mezzo file potrebbe fare danni.",
        "Correggi il punto indicato sotto, oppure elimina il file e accedi di nuovo.",
    ),
    **_problem(
        "config-invalid",
        "Il file di configurazione {file} contiene valori non utilizzabili.",
        "Non ne è stato usato nulla: mezzo file potrebbe fare danni.",
        "Correggi i punti indicati sotto. I valori ammessi sono in config.schema.json.",
    ),
    **_problem(
        "config-not-saved",
        "Il file di configurazione {file} non si è potuto scrivere.",
        "Le impostazioni valgono fino alla chiusura; il vecchio file è rimasto com'era.",
        "Controlla lo spazio libero e il permesso di scrivere in quella cartella.",
    ),
    **_problem(
        "ca-unreadable",
        "Il certificato {file} non si può leggere.",
        "Senza, nessuno distingue il tuo server da un impostore. Non è stato inviato nulla.",
        "Scegli il file ca.pem che ti ha dato l'amministratore.",
    ),
    **_problem(
        "ca-invalid",
        "{file} non contiene esattamente un certificato in formato PEM.",
        "Senza, nessuno distingue il tuo server da un impostore. Non è stato inviato nulla.",
        "Scegli il file ca.pem che ti ha dato l'amministratore.",
    ),
    **_problem(
        "ca-other",
        "{file} è un certificato diverso da quello dell'impronta impostata.",
        "File e impronta devono concordare. Il file ha {found}. Non è stato inviato nulla.",
        "Chiedi all'amministratore quale è giusto e correggi l'altro.",
    ),
    **_problem(
        "bad-endpoint",
        "L'indirizzo del server non è utilizzabile.",
        "È fatto di https://, un nome e, se serve, una porta: https://backup.example:8443.",
        "Correggi l'indirizzo.",
    ),
    **_problem(
        "bad-fingerprint",
        "L'impronta non è utilizzabile.",
        "È uno SHA-256: 64 cifre esadecimali, con o senza due punti.",
        "Copiala per intero da quella che mostra il server.",
    ),
    **_problem(
        "offline",
        "Il server non risponde.",
        "È spento, la rete non va o l'indirizzo è sbagliato. I backup che conserva non sono toccati.",
        "Controlla la rete e l'indirizzo, poi riprova.",
    ),
    **_problem(
        "timeout",
        "Il server ha impiegato troppo tempo.",
        "Forse è occupato o la rete è lenta. Un backup in corso prosegue.",
        "Riprova fra un minuto.",
    ),
    **_problem(
        "tls-untrusted",
        "{host} non ha potuto dimostrare di essere il tuo server.",
        "Forse un'altra macchina si è messa in mezzo, o il certificato è nuovo. Non è stato inviato nulla.",
        "Non usare altrove questa password. Chiedi all'amministratore il file ca.pem attuale.",
    ),
    **_problem(
        "tls-name",
        "Il certificato del server è per un nome diverso da {host}.",
        "Il server si conosce con un altro nome, oppure è un'altra macchina. Non è stato inviato nulla.",
        "Usa il nome che ti ha dato l'amministratore, o chiedi di aggiungere questo al certificato.",
    ),
    **_problem(
        "tls-time",
        "Il certificato di {host} è scaduto, o l'orologio di questo computer è sbagliato.",
        "Non è stato inviato nulla.",
        "Controlla data e ora qui, poi avvisa l'amministratore.",
    ),
    **_problem(
        "tls-fingerprint",
        "{host} non mostra alcun certificato con l'impronta impostata.",
        "È un'altra macchina, o non invia il suo certificato CA. Non è stato inviato nulla.",
        "Confronta l'impronta con l'amministratore, o usa il file ca.pem.",
    ),
    **_problem(
        "bad-answer",
        "Il server risponde in un modo che questo programma non capisce.",
        "Server e client hanno versioni diverse, o non è un server di backup.",
        "Aggiorna il più vecchio dei due.",
    ),
    **_problem(
        "unknown",
        "Il server ha rifiutato con il codice {code}.",
        "Questo programma non conosce quel codice.",
        "Mostra all'amministratore le parole qui sotto.",
    ),
    # the server: requests
    **_problem(
        "sign-in-refused",
        "Il server non ti ha fatto entrare.",
        "Non dice se è sbagliato il nome o la password, così nessuno può indovinare i nomi.",
        "Controlla entrambi, e attenzione alle maiuscole.",
    ),
    **_problem(
        "access-denied",
        "Il tuo account non può farlo.",
        "Non è stato cambiato nulla.",
        "Chiedi a un amministratore.",
    ),
    **_problem(
        "too-many-attempts",
        "Ci sono stati troppi tentativi falliti.",
        "Forse qualcuno tira a indovinare, perciò per un po' il server non ne guarda altri.",
        "Aspetta il tempo indicato sotto, o chiedi a un amministratore di sbloccare il tuo account.",
    ),
    **_problem(
        "second-factor-needed",
        "Il tuo account chiede anche un codice dal telefono.",
        "La password è giusta, ma non basta.",
        "Accedi di nuovo e inserisci il codice quando viene chiesto.",
    ),
    **_problem(
        "code-refused",
        "Il codice non è stato accettato.",
        "È scritto male, troppo vecchio o già usato: ognuno vale una volta sola.",
        "Aspetta il prossimo e controlla che l'ora del telefono sia giusta, o usa un codice di recupero. "
        "Se non basta, torna indietro e inserisci di nuovo la password.",
    ),
    **_problem(
        "session-ended",
        "Il tuo accesso è finito.",
        "Per il server non sei più collegato. I backup in corso proseguono.",
        "Accedi di nuovo.",
    ),
    **_problem(
        "invalid-input",
        "Il server non può usare un valore.",
        "Non è stato cambiato nulla.",
        "Correggilo come indica il server.",
    ),
    **_problem(
        "not-found",
        "Il server non lo conosce.",
        "Nel frattempo è stato tolto o ha cambiato nome.",
        "Aggiorna l'elenco.",
    ),
    **_problem(
        "conflict",
        "Adesso non è possibile.",
        "Lo stato attuale non lo permette. Non è stato cambiato nulla.",
        "Aggiorna e fai come indica il server.",
    ),
    **_problem(
        "illegal-transition",
        "Il lavoro è già oltre.",
        "È finito, o se ne occupa un altro programma.",
        "Aggiorna l'elenco.",
    ),
    **_problem(
        "refused",
        "Il server ha rifiutato.",
        "Ha capito e non lo permette.",
        "Chiedi a un amministratore.",
    ),
    **_problem(
        "path-not-allowed",
        "Il server non può leggere quella cartella.",
        "È fuori dalle cartelle ammesse per questo computer. Non è stato letto né cambiato nulla.",
        "Scegli un'altra cartella, o chiedi a un amministratore di ammetterla.",
    ),
    **_problem(
        "path-refused",
        "Il server non può usare quel percorso.",
        "Non è completo, o non si può confrontare con le cartelle ammesse. Non è stato cambiato nulla.",
        "Scegli la cartella con il percorso completo, come lo mostra il computer.",
    ),
    # the server: how jobs end
    **_problem(
        "host-unreachable",
        "Il computer non ha risposto.",
        "È spento, in sospensione o non in rete. Non è un danno.",
        "Accendilo e ripeti il backup.",
    ),
    **_problem(
        "held-off",
        "La pianificazione non ammetteva l'avvio quando è venuto il suo turno.",
        "È un'ora vietata dalle finestre o dai blackout, o il computer era in uso. Non è un danno.",
        "Non c'è niente da fare: parte quando può. Per averne uno adesso, avvialo qui.",
    ),
    **_problem(
        "transfer-interrupted",
        "Il collegamento si è interrotto a metà.",
        "Ciò che era arrivato resta; il prossimo backup riparte da lì.",
        "Ripeti il backup. Se succede spesso, controlla la rete.",
    ),
    **_problem(
        "transfer-timeout",
        "Ci è voluto troppo tempo.",
        "Per un po' non si è mosso nulla. Ciò che era arrivato resta.",
        "Ripeti il backup; guarda se il computer va in sospensione o la rete è lenta.",
    ),
    **_problem(
        "store-busy",
        "Un altro lavoro usa questo profilo.",
        "Due insieme si disturberebbero.",
        "Aspetta che finisca.",
    ),
    **_problem(
        "authentication-refused",
        "Il computer non ha fatto entrare il server.",
        "Il suo account di backup rifiuta la chiave, il certificato o la password del server.",
        "Se ne hai dato la password, riprova. Altrimenti un amministratore guarda che cosa deve avere: "
        "bck host key.",
    ),
    **_problem(
        "private-key-unreadable",
        "Il server non riesce a leggere la propria chiave per il computer.",
        "Il computer non c'entra: la chiave conservata sul server è danneggiata o non è una chiave.",
        "Un amministratore dà al server un'altra chiave privata per il computer.",
    ),
    **_problem(
        "seal-broken",
        "Il server non riesce ad aprire la password inviata.",
        "La sua chiave è stata sostituita mentre il lavoro aspettava. Nessuno può più leggere la password.",
        "Avvia di nuovo il lavoro, con la password.",
    ),
    **_problem(
        "host-key-changed",
        "Il computer mostra un'identità diversa da prima.",
        "È stato reinstallato, o un'altra macchina si spaccia per lui. Non è stato letto nulla.",
        "Prima di tutto avvisa l'amministratore.",
    ),
    **_problem(
        "host-key-unknown",
        "L'identità del computer non è ancora nota.",
        "Senza, nessuno lo distingue da un'altra macchina.",
        "Un amministratore inserisce la sua chiave host sul server.",
    ),
    **_problem(
        "host-not-enrolled",
        "Questo computer non è ancora registrato.",
        "Il server non lo conosce, quindi nulla vi si collega e nulla viene salvato.",
        "Un amministratore fa un codice per lui; lo si usa su quel computer con bck-gate enrol.",
    ),
    **_problem(
        "rsync-missing",
        "Il computer non ha un rsync utilizzabile.",
        "Senza quel programma i suoi file non si possono leggere.",
        "Installa rsync sul computer, o permetti all'account di backup di avviarlo.",
    ),
    **_problem(
        "source-missing",
        "Nessuna delle cartelle si poteva leggere.",
        "Sono state spostate o rinominate, un disco è scollegato, o l'account di backup non può leggerle.",
        "Controlla le cartelle dell'elenco, poi ripeti il backup.",
    ),
    **_problem(
        "files-missing",
        "La maggior parte dei file era sparita dal computer.",
        "Niente è stato segnato come cancellato; tutto ciò che era già salvato resta.",
        "Guarda se un disco è scollegato o una cartella è stata spostata. Se i file non ci sono davvero più, "
        "avvisa un amministratore.",
    ),
    **_problem(
        "much-unread",
        "Più di un decimo di ciò che c'era prima non si poteva leggere.",
        "Resta l'ultima versione, e questo backup non conta come buono.",
        "Guarda l'elenco dei problemi: chiudi i programmi che tengono aperti i file, o mostralo a un "
        "amministratore.",
    ),
    **_problem(
        "content-forged",
        "Il computer ha mandato file falsificati.",
        "Erano fatti per sembrare quelli già salvati. Tutti i backup precedenti restano com'erano.",
        "Avvisa subito l'amministratore: qualcuno può aver preso il controllo di questo computer.",
    ),
    **_problem(
        "transfer-failed",
        "Non è stato possibile copiare i file.",
        "Riprovare non cambia nulla finché qualcuno non interviene.",
        "Mostra all'amministratore le parole qui sotto e il registro.",
    ),
    **_problem(
        "sent-twice",
        "Il computer si comporta come se fosse in mano ad altri.",
        "Ha mandato due volte lo stesso file: nessun programma onesto lo fa. Il backup è stato fermato; "
        "le copie precedenti restano.",
        "Prima di tutto avvisa l'amministratore.",
    ),
    **_problem(
        "job-given-up",
        "Il backup ha fermato più volte il processo del server che ci lavorava.",
        "È stato abbandonato perché tocchi agli altri; quello che era arrivato resta.",
        "Avvisa l'amministratore; poi avvialo di nuovo.",
    ),
    **_problem(
        "vetoed",
        "Una regola del server ha fermato il backup.",
        "Un plugin lo ha rifiutato e ha detto perché.",
        "Leggi il motivo qui sotto; un amministratore può toglierlo.",
    ),
    **_problem(
        "store-full",
        "Il server non ha più spazio.",
        "Non è andato perso nulla, e nulla di nuovo si salva finché non c'è spazio.",
        "Avvisa subito l'amministratore.",
    ),
    **_problem(
        "quota-exceeded",
        "I backup di questo computer occupano già tutto lo spazio che possono avere.",
        "Non è andato perso nulla, e nulla di nuovo si salva finché non c'è spazio.",
        "Avvisa l'amministratore: può dare più spazio o lasciar andare backup vecchi.",
    ),
    **_problem(
        "storage",
        "L'archivio dei backup non è come deve essere.",
        "Il server si è fermato prima di fare danni.",
        "Un amministratore esegue «bck doctor» sul server.",
    ),
    **_problem(
        "delivery-failed",
        "Un messaggio alle persone non è stato consegnato.",
        "I backup continuano; il messaggio aspetta e si riprova.",
        "Avvisa l'amministratore: sul server vede il perché.",
    ),
    **_problem(
        "too-busy",
        "Il server sta già lavorando a tutte le richieste di questo tipo che accetta.",
        "Non è stato guardato né cambiato nulla. I backup continuano.",
        "Riprova fra qualche secondo.",
    ),
    **_problem(
        "database-busy",
        "Il database del server è stato occupato troppo a lungo.",
        "Nessun backup è perso, e nessuno è stato cambiato.",
        "Riprova fra qualche minuto.",
    ),
    **_problem(
        "database-unreachable",
        "Il server ora non raggiunge il suo database.",
        "Nessun backup è perso, e nessuno è stato cambiato.",
        "Riprova fra qualche minuto. Se resta così, avvisa chi si occupa del server.",
    ),
    **_problem(
        "database-moved",
        "Il server sta passando a un altro database.",
        "Nessun backup è perso, e nessuno è stato cambiato. I backup in corso poi continuano.",
        "Riprova fra qualche secondo.",
    ),
    **_problem(
        "database-damaged",
        "Il database del server è danneggiato o perso.",
        "È solo un indice: tutti i backup ci sono ancora.",
        "Un amministratore esegue «bck catalog rebuild» sul server.",
    ),
    **_problem(
        "cancelled",
        "Il lavoro è stato fermato.",
        "Qualcuno lo ha fermato, o il server è stato spento.",
        "Ripeti il backup quando vuoi.",
    ),
    **_problem(
        "lease-lost",
        "Un altro processo del server ha preso il lavoro.",
        "Prosegue lì.",
        "Aggiorna l'elenco.",
    ),
    **_problem(
        "internal",
        "Il server ha commesso un errore suo.",
        "Nulla di conservato è andato perso; il prossimo backup rimette in ordine.",
        "Mostra all'amministratore le parole qui sotto.",
    ),
}
