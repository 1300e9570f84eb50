"""The text that lies in the storage root: how to get files back without this program."""

FULL_RESTORE_AS_ROOT = ("rsync", "-a", "--modify-window=-1", "--fake-super", "-M--super")
FULL_RESTORE_AS_USER = ("rsync", "-rlpt", "--modify-window=-1", "--fake-super", "-M--no-super")
"""Both are run by a test as they stand in the text."""

_AS_ROOT = " ".join(FULL_RESTORE_AS_ROOT)
_AS_USER = " ".join(FULL_RESTORE_AS_USER)

TEXT = f"""\
BACKUP ORCHESTRATOR - how to get files back without the program
===============================================================
(Italiano: vedi sotto.)

Do not change, move or delete anything here by hand. Copying out of here is always safe.

What lies where
  current/HOST/PROFILE/SOURCE/...            the newest copy of every file, as a plain file.
                                             Files deleted on the PC are still here.
  .history/RUN/HOST/PROFILE/SOURCE/...       older copies: what the run RUN replaced.
                                             RUN begins with date and time (UTC), 20250131T214500Z-...
  .receipts/HOST/PROFILE/NUMBER.json         what each run did; NUMBER.tsv.gz lists what it changed
                                             (read it with: gzip -dc NUMBER.tsv.gz).
                                             act-NUMBER.json: points given up, held, paths forgotten.
  restore.sh                                 brings any kept state back; needs a POSIX shell, coreutils,
                                             awk and gzip, and never writes in here.
  .work/                                     unfinished work; no backups to look for here.

To get everything, or a part, back as it was
  sh restore.sh                                          says how, and which hosts and profiles there are
  sh restore.sh HOST PROFILE                             lists the restore points
  sh restore.sh HOST PROFILE latest /new/folder          the newest state
  sh restore.sh HOST PROFILE 17 /new/folder SOURCE/docs  one folder or file as it was at point 17
  Names, bytes, times, modes and links come back, and what the PC had deleted by then stays away. As root,
  owners and devices come back too. What cannot be restored is named. Do it while no backup runs.

To get one file back by hand
  The newest copy:   cp current/HOST/PROFILE/SOURCE/some/file /somewhere/
  As it was at an earlier time T: among the folders .history/RUN whose RUN is LATER than T, take the
  OLDEST one that holds the file. If none holds it, take the one in current.
  On the PC it may have been absent at T: the lists in .receipts say when each file came and went.

To get everything of now back with rsync, with the right owners, modes and links
  The files here keep their bytes, names and times as they are. What else belongs to them (owner, group,
  mode, and for links, devices and the like what they really are) lies beside each file in an attribute
  named user.rsync.%stat. cp does not put it to use: a link copied by cp is a small text file that holds
  its target. rsync puts it to use. As root, onto a disk whose owner numbers shall be the PC's:

    {_AS_ROOT} current/HOST/PROFILE/SOURCE/ /somewhere/

  As an ordinary user (modes, times and links come back; everything belongs to you):

    {_AS_USER} current/HOST/PROFILE/SOURCE/ /somewhere/

  These bring back what current holds, files deleted on the PC included. Older copies in .history have
  the right bytes; empty folders, and modes or owners that changed later, are told by .receipts only.
  If you copy this storage to another disk, keep the attributes: rsync -aHX, or cp -a.


BACKUP ORCHESTRATOR - come recuperare i file senza il programma
===============================================================

Non modificare, spostare o cancellare nulla qui a mano. Copiare da qui è sempre sicuro.

Che cosa si trova dove
  current/HOST/PROFILO/SORGENTE/...          la copia più recente di ogni file, come file normale.
                                             Anche i file cancellati sul PC sono ancora qui.
  .history/RUN/HOST/PROFILO/SORGENTE/...     le copie più vecchie: ciò che l'esecuzione RUN ha sostituito.
                                             RUN comincia con data e ora (UTC), 20250131T214500Z-...
  .receipts/HOST/PROFILO/NUMERO.json         che cosa ha fatto ogni esecuzione; NUMERO.tsv.gz elenca che
                                             cosa ha cambiato (si legge con: gzip -dc NUMERO.tsv.gz).
                                             act-NUMERO.json: punti ceduti, trattenuti, file dimenticati.
  restore.sh                                 riporta ogni stato conservato; bastano una shell POSIX,
                                             coreutils, awk e gzip, e qui non scrive mai nulla.
  .work/                                     lavoro non finito; qui non ci sono backup da cercare.

Per recuperare tutto, o una parte, com'era
  sh restore.sh                                            dice come si fa, e quali host e profili ci sono
  sh restore.sh HOST PROFILO                               elenca i punti di ripristino
  sh restore.sh HOST PROFILO latest /cartella/nuova        lo stato più recente
  sh restore.sh HOST PROFILO 17 /cartella/nuova SORG/docs  una cartella o un file com'era al punto 17
  Tornano nomi, contenuti, date, permessi e collegamenti; ciò che il PC aveva già cancellato non torna. Come
  root tornano anche proprietari e dispositivi. Ciò che non si può ripristinare viene nominato. Fatelo quando
  nessun backup è in corso.

Per recuperare un file a mano
  La copia più recente:   cp current/HOST/PROFILO/SORGENTE/un/file /da/qualche/parte/
  Com'era in un momento precedente T: fra le cartelle .history/RUN il cui RUN è SUCCESSIVO a T, prendere
  la PIÙ VECCHIA che contiene il file. Se nessuna lo contiene, prendere quello in current.
  In quel momento il file poteva non esserci sul PC: gli elenchi in .receipts dicono quando ogni file è
  comparso e quando è sparito.

Per recuperare tutto lo stato attuale con rsync, con i giusti proprietari, permessi e collegamenti
  I file qui conservano contenuto, nomi e date così come sono. Il resto (proprietario, gruppo, permessi e,
  per collegamenti, dispositivi e simili, che cosa sono davvero) sta accanto a ogni file in un attributo
  di nome user.rsync.%stat. cp non lo usa: un collegamento copiato con cp è un piccolo file di testo che
  contiene la sua destinazione. rsync lo usa. Come root, su un disco dove i numeri dei proprietari
  devono essere quelli del PC:

    {_AS_ROOT} current/HOST/PROFILO/SORGENTE/ /da/qualche/parte/

  Come utente normale (tornano permessi, date e collegamenti; tutto apparterrà a voi):

    {_AS_USER} current/HOST/PROFILO/SORGENTE/ /da/qualche/parte/

  Così torna ciò che sta in current, compresi i file cancellati sul PC. Le copie più vecchie in .history
  hanno il contenuto giusto; le cartelle vuote, e permessi o proprietari cambiati in seguito, si trovano
  solo in .receipts.
  Se copiate questo archivio su un altro disco, conservate gli attributi: rsync -aHX, oppure cp -a.
"""
