"""Made-up words and numbers of a page's header and footer, in several languages; no person, place or firm is meant."""

from dataclasses import dataclass

import numpy as np

_WORDS = {
    "en": "Name|ID|Age|Sex|Male|Female|DOB|Date|Height|Weight|Room|Technician|Heart rate|yr|Referred by|Page",
    "de": "Name|Pat.-Nr.|Alter|Geschl.|männlich|weiblich|geb.|Datum|Größe|Gewicht|Station|MTA|Herzfrequenz|J."
    "|Arzt|Seite",
    "fr": "Nom|N° patient|Âge|Sexe|Masculin|Féminin|Né(e) le|Date|Taille|Poids|Chambre|Technicien|Fréq. card.|ans"
    "|Médecin|Page",
    "es": "Nombre|Historia|Edad|Sexo|Varón|Mujer|F. nac.|Fecha|Talla|Peso|Habitación|Técnico|Frec. card.|años"
    "|Médico|Página",
    "pt": "Nome|Registro|Idade|Sexo|Masculino|Feminino|Nasc.|Data|Altura|Peso|Leito|Técnico|Freq. card.|anos"
    "|Solicitante|Página",
    "it": "Nome|Codice|Età|Sesso|Maschio|Femmina|Nato il|Data|Altezza|Peso|Reparto|Tecnico|Freq. card.|anni"
    "|Medico|Pagina",
    "tr": "Adı|Hasta No|Yaş|Cinsiyet|Erkek|Kadın|Doğum|Tarih|Boy|Kilo|Oda|Teknisyen|Kalp hızı|yaş|Doktor|Sayfa",
    "pl": "Imię|Nr pacjenta|Wiek|Płeć|Mężczyzna|Kobieta|Ur.|Data|Wzrost|Waga|Sala|Technik|Częst. rytmu|lat"
    "|Lekarz|Strona",
}
_KEYS = "name id age sex male female born date height weight room technician rate years doctor page".split()
WORDS = {language: dict(zip(_KEYS, words.split("|"), strict=True)) for language, words in _WORDS.items()}
LANGUAGE_ODDS = {"en": 56, "de": 12, "fr": 6, "es": 8, "pt": 6, "it": 5, "tr": 4, "pl": 3}

STATEMENTS = {
    language: tuple(words.split("|"))
    for language, words in {
        "en": "Sinus rhythm|Normal sinus rhythm|Normal ECG|Otherwise normal ECG|Abnormal ECG|Borderline ECG"
        "|Sinus bradycardia|Sinus tachycardia|Atrial fibrillation|First degree AV block|Left axis deviation"
        "|Left ventricular hypertrophy|Right bundle branch block|Incomplete right bundle branch block"
        "|Nonspecific ST and T wave abnormality|Inferior infarct, age undetermined|Anterior infarct, possibly acute"
        "|Prolonged QT|Low voltage QRS|Poor R wave progression|Premature ventricular complexes|Data quality may affect"
        " interpretation|No previous ECGs available|When compared with ECG of earlier date|Possible left atrial"
        " enlargement|ST elevation, consider early repolarization",
        "de": "Sinusrhythmus|Normales EKG|Pathologisches EKG|Grenzwertiges EKG|Linkslagetyp|Indifferenztyp|Steiltyp"
        "|Rechtsschenkelblock|Vorhofflimmern|Linksherzhypertrophie|AV-Block I. Grades|Unspezifische ST-T-Veränderung",
        "fr": "Rythme sinusal|ECG normal|ECG anormal|Bradycardie sinusale|Bloc de branche droit|Axe dévié à gauche"
        "|Fibrillation auriculaire|Hypertrophie ventriculaire gauche|Troubles de la repolarisation",
        "es": "Ritmo sinusal|ECG normal|ECG anormal|Bradicardia sinusal|Bloqueo de rama derecha|Fibrilación auricular"
        "|Desviación del eje a la izquierda|Hipertrofia ventricular izquierda|Alteración de la repolarización",
        "pt": "Ritmo sinusal|ECG normal|ECG alterado|Bloqueio do ramo direito|Fibrilação atrial|Sobrecarga ventricular"
        " esquerda|Desvio do eixo para a esquerda|Alteração da repolarização",
        "it": "Ritmo sinusale|ECG normale|ECG anormale|Bradicardia sinusale|Blocco di branca destra|Fibrillazione"
        " atriale|Deviazione assiale sinistra|Ipertrofia ventricolare sinistra",
        "tr": "Sinüs ritmi|Normal EKG|Anormal EKG|Sinüs bradikardisi|Sağ dal bloğu|Atriyal fibrilasyon|Sol aks sapması",
        "pl": "Rytm zatokowy|EKG prawidłowe|EKG nieprawidłowe|Blok prawej odnogi|Migotanie przedsionków|Lewogram",
    }.items()
}
_VERDICTS = {
    "en": "Unconfirmed|Unconfirmed diagnosis|Unconfirmed - must be reviewed by a physician|Confirmed by:|Reviewed by:"
    "|Not signed|** Preliminary **|Computer interpretation, physician overread required",
    "de": "Unbestätigter Bericht|Befund unbestätigt|Geprüft von:",
    "fr": "Non confirmé|Interprétation non validée|Validé par :",
    "es": "No confirmado|Diagnóstico sin confirmar|Revisado por:",
    "pt": "Não confirmado|Laudo não assinado|Revisado por:",
    "it": "Non confermato|Referto da validare|Firma:",
    "tr": "Onaylanmamış rapor|Doktor onayı gerekli",
    "pl": "Niepotwierdzone|Wymaga weryfikacji lekarza",
}
VERDICTS = {language: tuple(words.split("|")) for language, words in _VERDICTS.items()}
TITLES = {
    "en": ("12-Lead ECG", "Resting ECG", "ECG REPORT", "ELECTROCARDIOGRAM", "12 Lead ECG Report", "Auto 12 leads"),
    "de": ("EKG", "Ruhe-EKG", "ELEKTROKARDIOGRAMM", "12-Kanal-EKG", "EKG-Befund"),
    "fr": ("ECG de repos", "ELECTROCARDIOGRAMME", "Compte rendu ECG"),
    "es": ("ECG de reposo", "ELECTROCARDIOGRAMA", "Informe de ECG"),
    "pt": ("ECG de repouso", "ELETROCARDIOGRAMA", "Laudo de ECG"),
    "it": ("ECG a riposo", "ELETTROCARDIOGRAMMA", "Referto ECG"),
    "tr": ("12 Derivasyon EKG", "EKG RAPORU"),
    "pl": ("EKG spoczynkowe", "BADANIE EKG"),
}
_HOUSES = {
    "en": "{} General Hospital|{} Medical Center|St. {} Hospital|{} Heart Clinic|{} Health|Dept. of Cardiology, {}",
    "de": "Klinikum {}|Krankenhaus {}|Praxis {}|Herzzentrum {}|Medizinische Klinik II, {}",
    "fr": "Centre hospitalier de {}|Clinique {}|Hôpital {}|Service de cardiologie, {}",
    "es": "Hospital {}|Clínica {}|Centro de Salud {}|Servicio de Cardiología {}",
    "pt": "Hospital {}|Clínica {}|Unidade de Saúde {}",
    "it": "Ospedale {}|Clinica {}|U.O. Cardiologia {}",
    "tr": "{} Hastanesi|{} Tıp Merkezi",
    "pl": "Szpital {}|Przychodnia {}|Oddział Kardiologii {}",
}
HOUSES = {language: tuple(words.split("|")) for language, words in _HOUSES.items()}
_SYLLABLES = ("vel", "dor", "mar", "ten", "lin", "ros", "hal", "brun", "ost", "wey", "cal", "fen", "mor", "sal", "ri")
_ENDINGS = ("au", "ham", "ina", "o", "ville", "field", "berg", "ora", "by", "stein", "ado", "ec")
_STREETS = {"en": "{b} {n} Road", "de": "{n}straße {b}", "fr": "{b}, rue {n}", "es": "Calle {n} {b}"}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DATES = (
    "{y}-{m:02d}-{d:02d}", "{d:02d}.{m:02d}.{y}", "{d:02d}/{m:02d}/{y}", "{m:02d}/{d:02d}/{y}", "{d:02d}-{M}-{y}",
    "{d} {M} {y}", "{d}.{m}.{s:02d}", "{y}/{m:02d}/{d:02d}",
)  # fmt: skip
_TIMES = (" {h:02d}:{i:02d}:{k:02d}", " {h:02d}:{i:02d}", ", {h:02d}:{i:02d}:{k:02d}", "   {h}:{i:02d}", "")
_FILTERS = (
    "0.05-150 Hz", "0.15-40 Hz", "0.5-35 Hz", "F 50~ 0.15-40 Hz", "F 60~ 0.05-100 Hz", "Filter: 50 Hz, 35 Hz",
    "LP 40Hz AC 50Hz", "DFT 0.25Hz EMG 25Hz AC 60Hz", "0,05-150Hz  50Hz", "FILTER OFF", "HP 0.05 Hz LP 150 Hz",
    "AC50 ADS MUS35", "W 0.05-40 ~60 Hz",
)  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """What one page claims: its language, a made-up patient, times and measurements (ms, degrees, cm, kg, mmHg)."""

    language: str
    patient: str
    name: str
    male: bool
    age: int
    born: str
    day: str
    taken: str
    height: int
    weight: int
    pressure: tuple[int, int]
    rate: int
    pr: int
    qrs: int
    qt: int
    qtc: int
    axes: tuple[int, int, int]
    place: str

    @property
    def words(self) -> dict[str, str]:
        return WORDS[self.language]


def one(rng: np.random.Generator, options):
    """Return one of a sequence, each as likely."""
    return options[int(rng.random() * len(options))]


def draw_facts(rng: np.random.Generator, language: str) -> Facts:
    """Make up what a page says."""
    age, year = int(rng.integers(1, 99)), int(rng.integers(1984, 2027))
    rate = int(np.clip(rng.normal(78, 20), 38, 190))
    qt = int(np.clip(400 * (60 / rate) ** 0.4 + rng.normal(0, 15), 240, 560))
    form = one(rng, _DATES)
    day = _date(rng, form, year)
    return Facts(
        language=language,
        patient=_number(rng),
        name=_nobody(rng),
        male=bool(rng.random() < 0.5),
        age=age,
        born=_date(rng, form, year - age),
        day=day,
        taken=day + _time(rng),
        height=int(rng.integers(148, 197)),
        weight=int(rng.integers(44, 121)),
        pressure=(int(rng.integers(98, 178)), int(rng.integers(55, 101))),
        rate=rate,
        pr=int(rng.integers(110, 230)),
        qrs=int(rng.integers(72, 150)),
        qt=qt,
        qtc=int(qt * (rate / 60) ** 0.5),
        axes=tuple(int(v) for v in rng.integers((0, -60, -30), (80, 110, 110))),
        place=place_name(rng),
    )


def _number(rng: np.random.Generator) -> str:
    n = int(rng.integers(1, 10**8))
    return one(
        rng, (f"{n:08d}", f"{n % 10**6:06d}", f"{n % 10**4:04d}", f"{n % 1000}-{n // 1000:05d}", f"MX{n}", str(n))
    )


def _nobody(rng: np.random.Generator) -> str:
    """Return what stands for a patient's name: nothing, initials, or a word that names nobody."""
    a, b = (chr(65 + int(k)) for k in rng.integers(0, 26, 2))
    options = ("", "", f"{a}. {b}.", f"{a}.{b}.", "ANON", "ANONYMOUS", f"Patient {rng.integers(1, 9999):04d}", "XXXXX")
    return one(rng, (*options, "---", f"{a}{b}", "*****", "TEST, PATIENT", ","))


def _date(rng: np.random.Generator, form: str, year: int) -> str:
    m, d = int(rng.integers(1, 13)), int(rng.integers(1, 29))
    return form.format(y=year, s=year % 100, m=m, d=d, M=_MONTHS[m - 1])


def _time(rng: np.random.Generator) -> str:
    h, i, k = (int(v) for v in rng.integers(0, (24, 60, 60)))
    return one(rng, _TIMES).format(h=h, i=i, k=k)


def place_name(rng: np.random.Generator) -> str:
    """Return the name of a place that does not exist."""
    return (one(rng, _SYLLABLES) + one(rng, _SYLLABLES) + one(rng, _ENDINGS)).capitalize()


def about_patient(facts: Facts, rng: np.random.Generator) -> list[tuple[str, str]]:
    """Return (label, value) pairs about the patient."""
    w = facts.words
    sex = w["male"] if facts.male else w["female"]
    pairs = [(w["name"], facts.name), (w["id"], facts.patient)]
    rest = [
        (w["age"], f"{facts.age} {w['years']}"),
        (w["sex"], sex if rng.random() < 0.6 else sex[0]),
        (w["born"], facts.born),
        (w["date"], facts.taken),
        (w["height"], f"{facts.height} cm"),
        (w["weight"], f"{facts.weight} kg"),
        (w["room"], str(rng.integers(1, 400))),
        (w["doctor"], ""),
        (w["technician"], f"{rng.integers(1, 60):02d}"),
        ("BP", f"{facts.pressure[0]}/{facts.pressure[1]} mmHg"),
    ]
    rest = [pair for pair in rest if rng.random() < 0.6]
    return pairs + rest if rng.random() < 0.7 else rest + pairs


def measurements(facts: Facts, rng: np.random.Generator) -> list[tuple[str, str, str]]:
    """Return (label, value, unit) of a page's measurements, in the words of one of several machines."""
    p, q, t = facts.axes
    rate = one(rng, ("HR", "Vent. rate", "Rate", facts.words["rate"], "FC" if facts.language in ("fr", "it") else "HR"))
    rows = [(rate, f"{facts.rate}", one(rng, ("bpm", "BPM", "/min"))), ("PR", f"{facts.pr}", "ms")]
    rows += [(one(rng, ("QRS", "QRSD", "QRS duration")), f"{facts.qrs}", "ms")]
    if rng.random() < 0.5:
        rows += [(one(rng, ("QT/QTc", "QT/QTcB", "QT/QTc-Baz")), f"{facts.qt}/{facts.qtc}", "ms")]
    else:
        rows += [("QT", f"{facts.qt}", "ms"), (one(rng, ("QTc", "QTcB", "QTcF")), f"{facts.qtc}", "ms")]
    if rng.random() < 0.5:
        rows += [(one(rng, ("P-R-T axes", "P/QRS/T", "Axis")), f"{p} {q} {t}", one(rng, ("", "°", "deg")))]
    else:
        rows += [(f"{name} axis", f"{v}", "°") for name, v in zip(("P", "QRS", "T"), facts.axes, strict=True)]
    more = [("RR", f"{60000 // facts.rate}", "ms"), ("P", f"{facts.pr - 50}", "ms")]
    more += [("RV5/SV1", f"{rng.uniform(0.4, 2.6):.2f}/{rng.uniform(0.3, 1.9):.2f}", "mV")]
    return rows + [row for row in more if rng.random() < 0.3]


def about_device(facts: Facts, rng: np.random.Generator) -> list[str]:
    """Return lines about the machine: filters, firm, serial number, page."""
    firm, n = place_name(rng).upper(), int(rng.integers(100, 99999))
    lines = [one(rng, _FILTERS), one(rng, _FILTERS)]
    lines += [f"{firm} {n % 900} V{n % 9}.{n % 7:02d}", f"SN {n:06d}", f"{firm}-{n % 90}", f"Cart: {n % 40}", firm]
    page = facts.words["page"]
    lines += [one(rng, (f"{page} 1/1", f"{page} 1", "1/2", f"P.{n % 9}")), facts.taken, facts.patient, f"#{n}"]
    return [lines[k] for k in rng.permutation(len(lines))[: int(rng.integers(1, 6))]]


def about_house(facts: Facts, rng: np.random.Generator) -> list[str]:
    """Return one to four lines with the name and address of a hospital that does not exist."""
    n = int(rng.integers(1, 99999))
    street = _STREETS.get(facts.language, "{n} {b}").format(n=place_name(rng), b=n % 180 + 1)
    lines = [
        one(rng, HOUSES[facts.language]).format(facts.place),
        street,
        f"{n:05d} {place_name(rng)}",
        f"Tel. 000-{n}",
    ]
    return lines[: int(rng.integers(1, 5))]
