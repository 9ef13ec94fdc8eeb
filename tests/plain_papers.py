"""Plain receipts, invoices, forms and notes in several languages, typed as they are printed, and what a person reads.

A paper is typewriter text: a letter is a cell (two, where it is as wide as it is high), two blanks or more part what an
engine reads as lines of their own. ``pairs`` are its labels and values, ``=>`` between them, in any order; ``asked`` is
a schema with the values that answer it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from printed_pages import Row, printed

if TYPE_CHECKING:
    from qwen_ocr_loader import PageResult

_CELL = 1.5  # hundredths of the page's width


@dataclass(frozen=True)
class Paper:
    """A page and what it says."""

    name: str
    text: str
    pairs: str
    asked: dict[str, str | None] = field(default_factory=dict)

    @property
    def expected(self) -> list[tuple[str, str]]:
        """Labels and values as printed."""
        said = (line.partition("=>") for line in self.pairs.strip().splitlines())
        return [(label.strip(), value.strip()) for label, _, value in said]

    def page(self, turn: float = 0.0, *, merged: bool = False) -> PageResult:
        """The page as lines with boxes.

        Args:
            turn: Degrees about its middle.
            merged: Read what stands two blanks apart as one line, as engines do with close print.
        """
        return printed(*(_row(row, 3 if merged else 2) for row in self.text.strip("\n").splitlines()), turn=turn)


def _row(typed: str, blanks: int) -> Row:
    runs = re.finditer(rf"\S(?:.*?\S)??(?=\s{{{blanks},}}|\s*$)", typed)
    return tuple((_CELL * _cells(typed[: run.start()]), re.sub(r"\s+", " ", run[0])) for run in runs)


def _cells(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


PAPERS = (
    Paper(
        "café",
        """
                HARBOUR & PINE
           14 Quay Street, Westhaven
      Tel 0123 555 0142  VAT GB 555 0142 77

Receipt No                     HP-2026-00417
Date                        17/10/2026 12:48
Table                                      7

2 x Flat white                          7.20
1 x Smoked trout bagel                  9.80
1 x Apple & rosemary cake               4.50
1 x Still water 0.5 l                   2.10

Subtotal                               23.60
VAT 20 %                                4.72
TOTAL                                  28.32
Card ****4417                          28.32

      Thank you - see you on the quay!
""",
        """
Tel => 0123 555 0142
VAT => GB 555 0142 77
Receipt No => HP-2026-00417
Date => 17/10/2026 12:48
Table => 7
Subtotal => 23.60
VAT 20 % => 4.72
TOTAL => 28.32
Card ****4417 => 28.32
""",
        {
            "phone": "0123 555 0142",
            "VAT number": "GB 555 0142 77",
            "receipt number": "HP-2026-00417",
            "tax": "4.72",
            "subtotal": "23.60",
            "total": "28.32",
            "address": "14 Quay Street, Westhaven",
        },
    ),
    Paper(
        "Tankstelle",
        """
            Tankstelle Nordkai KG
         Hafenweg 3, 24103 Kiel
         USt-IdNr. DE136695976

Beleg-Nr.                         B-2031/118
Datum                       03.05.2031 16:40
Kassierer                             Jansen
Zapfsäule                                  4

Super E10 31,20 l                      54,57
Scheibenreiniger                        6,90
Kaffee                                  2,50

Netto                                  53,76
MwSt 19 %                              10,21
Summe EUR                              63,97
Girocard                               63,97
""",
        """
USt-IdNr. => DE136695976
Beleg-Nr. => B-2031/118
Datum => 03.05.2031 16:40
Kassierer => Jansen
Zapfsäule => 4
Netto => 53,76
MwSt 19 % => 10,21
Summe EUR => 63,97
Girocard => 63,97
""",
        {"Belegnummer": "B-2031/118", "MwSt": "10,21", "Gesamtbetrag": "63,97", "USt-IdNr": "DE136695976"},
    ),
    Paper(
        "boulangerie",
        """
             Boulangerie des Halles
         5 rue du Four, 13002 Marseille
     Tél 04 91 55 01 42  SIRET 732 829 320 00074

Ticket n° 2031-88        Le 12/04/2031 à 08:15
Vendeur                                 Maya

3 croissants                            4,20
1 pain de campagne                      3,80
2 cafés                                 3,60

Sous-total                             11,60
Remise 10 %                            -1,16
Total TTC                              10,44
dont TVA 5,5 %                          0,54
Espèces                                20,00
Rendu                                   9,56
""",
        """
Tél => 04 91 55 01 42
SIRET => 732 829 320 00074
Ticket n° => 2031-88
Vendeur => Maya
Sous-total => 11,60
Remise 10 % => -1,16
Total TTC => 10,44
dont TVA 5,5 % => 0,54
Espèces => 20,00
Rendu => 9,56
""",
        {"total": "10,44", "tva": "0,54", "discount": "-1,16", "phone": "04 91 55 01 42", "date": "12/04/2031"},
    ),
    Paper(
        "taberna",
        """
             Taberna del Puerto S.L.
              Calle Mayor 12, Vigo
           CIF B12345674  Tel. 986 555 014

Factura simplificada n.º          T-004418
Fecha                     29/09/2031 21:05
Mesa                                    12
Camarero                             Lucía

2 Cañas                               5,00
1 Pulpo a la gallega                 16,50
1 Tarta de Santiago                   4,80

Base imponible                       23,91
IVA 10 %                              2,39
TOTAL                                26,30
Tarjeta                              26,30

          Gracias por su visita
""",
        """
CIF => B12345674
Tel. => 986 555 014
Factura simplificada n.º => T-004418
Fecha => 29/09/2031 21:05
Mesa => 12
Camarero => Lucía
Base imponible => 23,91
IVA 10 % => 2,39
TOTAL => 26,30
Tarjeta => 26,30
""",
        {"total": "26,30", "IVA": "2,39", "CIF": "B12345674", "fecha": "29/09/2031"},
    ),
    Paper(
        "ferramenta",
        """
             Ferramenta Riva S.r.l.
           Via del Molo 8, 16100 Genova
              P.IVA 01234567890

Scontrino n. 0042-17      Data 12/04/2031
Cassa                                 02

Descrizione                       Importo
Viti 4x40                            6,80
Trapano                             89,00
Colla                                7,20

Totale complessivo                 103,00
di cui IVA 22%                      18,57
Bancomat                           103,00
""",
        """
P.IVA => 01234567890
Scontrino n. => 0042-17
Data => 12/04/2031
Cassa => 02
Totale complessivo => 103,00
di cui IVA 22% => 18,57
Bancomat => 103,00
""",
        {"totale": "103,00", "iva": "18,57", "partita iva": "01234567890", "data": "12/04/2031"},
    ),
    Paper(
        "茶",
        """
             海风茶业有限公司
          厦门市思明区鹭江道18号

小票号                        XM-2031-0903
日期                            2031-09-03
收银员                                李娜

品名                数量              金额
铁观音                 2            128.00
茉莉花茶               1             46.50
白瓷茶杯               3             72.00

小计                                246.50
税额                                 28.36
合计                                274.86
微信支付                            274.86
""",
        """
小票号 => XM-2031-0903
日期 => 2031-09-03
收银员 => 李娜
小计 => 246.50
税额 => 28.36
合计 => 274.86
微信支付 => 274.86
""",
        {"合计": "274.86", "税额": "28.36", "小票号": "XM-2031-0903", "日期": "2031-09-03"},
    ),
    Paper(
        "till roll",
        """
         PADU CORNER MART SDN BHD
        NO 7, JALAN MAWAR, 43210 KL
     TEL:03-11112222 FAX:03-33334444
          GST NO : 000123456789

INV NO: P0042/17       DATE: 09/11/2031
CASHIER: AINA          TIME: 18:20:11
QTY  ITEM            PRICE       AMOUNT
2    PAINT BRUSH      4.50         9.00
1    WALL FILLER     12.35        12.35
SUB TOTAL                         21.35
GST 6%                             1.28
ROUNDING ADJ                       0.02
NET TOTAL                       RM22.65
CASH                              50.00
CHANGE                            27.35
""",
        """
TEL => 03-11112222
FAX => 03-33334444
GST NO => 000123456789
INV NO => P0042/17
DATE => 09/11/2031
CASHIER => AINA
TIME => 18:20:11
SUB TOTAL => 21.35
GST 6% => 1.28
ROUNDING ADJ => 0.02
NET TOTAL => RM22.65
CASH => 50.00
CHANGE => 27.35
""",
        {"total": "RM22.65", "gst": "1.28", "invoice no": "P0042/17", "fax": "03-33334444", "cash": "50.00"},
    ),
    Paper(
        "invoice",
        """
Lantern Printing Ltd                          INVOICE
40 Promenade, Westhaven

Bill to                       Invoice No     LP-2031-311
Ada Quist                     Invoice date   2 May 2031
Fern & Sons                   Due date       1 June 2031
12 Harbour Street             PO number      4500-7781

Description                 Qty      Price       Amount
Letterheads, box of 500       2      48.00        96.00
Envelopes C5                  4      12.50        50.00
Setting                       1      35.00        35.00

                                Subtotal         181.00
                                Shipping           9.50
                                VAT (20%)         38.10
                                Total due        228.60

IBAN GB33 BUKB 2020 1555 5555 55   BIC BUKBGB22
""",
        """
Bill to => Ada Quist Fern & Sons 12 Harbour Street
Invoice No => LP-2031-311
Invoice date => 2 May 2031
Due date => 1 June 2031
PO number => 4500-7781
Subtotal => 181.00
Shipping => 9.50
VAT (20%) => 38.10
Total due => 228.60
IBAN => GB33 BUKB 2020 1555 5555 55
BIC => BUKBGB22
""",
        {
            "invoice_number": "LP-2031-311",
            "invoice_date": "2 May 2031",
            "due_date": "1 June 2031",
            "total": "228.60",
            "vat": "38.10",
            "purchase order": "4500-7781",
            "iban": "GB33 BUKB 2020 1555 5555 55",
        },
    ),
    Paper(
        "Rechnung",
        """
Setzerei Brandt GmbH
Hafenstraße 12, 24103 Kiel

Rechnung

Rechnungsnummer: RE-2031-0417    Kundennummer: 10088
Rechnungsdatum: 03.05.2031       Lieferdatum: 28.04.2031
Ansprechpartner: Ida Lorenz      Telefon: 0431 555 014

Pos.  Bezeichnung           Menge   Einzelpreis   Betrag
1     Visitenkarten           500          0,12    60,00
2     Plakat A2                20          4,80    96,00

                            Zwischensumme         156,00
                            zzgl. MwSt. 19 %       29,64
                            Rechnungsbetrag       185,64

Zahlbar bis 17.05.2031
Bank: Seebank Kiel    IBAN: DE02 1203 0000 0000 2020 51
""",
        """
Rechnungsnummer => RE-2031-0417
Kundennummer => 10088
Rechnungsdatum => 03.05.2031
Lieferdatum => 28.04.2031
Ansprechpartner => Ida Lorenz
Telefon => 0431 555 014
Zwischensumme => 156,00
zzgl. MwSt. 19 % => 29,64
Rechnungsbetrag => 185,64
Zahlbar bis => 17.05.2031
Bank => Seebank Kiel
IBAN => DE02 1203 0000 0000 2020 51
""",
        {
            "Rechnungsnummer": "RE-2031-0417",
            "Datum": "03.05.2031",
            "Gesamtbetrag": "185,64",
            "MwSt": "29,64",
            "due date": "17.05.2031",
            "Kundennummer": "10088",
        },
    ),
    Paper(
        "facture",
        """
Librairie du Vieux Port SARL
8 rue des Carmes, 13002 Marseille

Facture n°            Date             Client n°
LV-3091               21/08/2031       00418

Désignation                     Qté   P.U.      Montant
Atlas des côtes bretonnes         1   38,00 €   38,00 €
Carnet de bord                    2   7,25 €    14,50 €

                                Total HT        52,50 €
                                TVA 20 %        10,50 €
                                Total TTC       63,00 €
                                Acompte versé   20,00 €
                                Net à payer     43,00 €
Mode de règlement : virement
""",
        """
Facture n° => LV-3091
Date => 21/08/2031
Client n° => 00418
Total HT => 52,50 €
TVA 20 % => 10,50 €
Total TTC => 63,00 €
Acompte versé => 20,00 €
Net à payer => 43,00 €
Mode de règlement => virement
""",
        {"facture": "LV-3091", "date": "21/08/2031", "total ht": "52,50 €", "tva": "10,50 €", "numéro client": "00418"},
    ),
    Paper(
        "order confirmation",
        """
Bollard Chandlery Ltd
ORDER CONFIRMATION

Order number                 SO-70931
Order date                   24 Sep 2031
Customer                     Tove Lind
Delivery address             2 Rope Walk
                             Westhaven
Delivery method              Courier
Payment terms                30 days net

Item                     Quantity   Unit price    Total
Mooring line 18 mm             12        8.00     96.00
Fenders, blue                   4       43.50    174.00

Goods total                                      270.00
Delivery                                           7.50
VAT 20%                                           55.50
Order total                                      333.00
""",
        """
Order number => SO-70931
Order date => 24 Sep 2031
Customer => Tove Lind
Delivery address => 2 Rope Walk Westhaven
Delivery method => Courier
Payment terms => 30 days net
Goods total => 270.00
Delivery => 7.50
VAT 20% => 55.50
Order total => 333.00
""",
        {"order_number": "SO-70931", "customer": "Tove Lind", "tax": "55.50", "payment terms": "30 days net"},
    ),
    Paper(
        "Lieferschein",
        """
Eisenwaren Brandt GmbH
Lieferschein

Lieferschein-Nr.   L-2031-0088      Kunde        Werft Ost
Bestell-Nr.        4711-B           Abteilung    Einkauf
Lieferdatum        05.05.2031       Gewicht      18,5 kg

Pos.   Artikel                  Artikel-Nr.     Menge
1      Schäkel A4, 10 mm        88213           24
2      Tauwerk 14 mm            88220           2
3      Spannschraube M12        90417           8

Empfangen von: K. Petersen         Datum: 06.05.2031
""",
        """
Lieferschein-Nr. => L-2031-0088
Kunde => Werft Ost
Bestell-Nr. => 4711-B
Abteilung => Einkauf
Lieferdatum => 05.05.2031
Gewicht => 18,5 kg
Empfangen von => K. Petersen
Datum => 06.05.2031
""",
        {"Bestellnummer": "4711-B", "Kunde": "Werft Ost", "Lieferdatum": "05.05.2031"},
    ),
    Paper(
        "form",
        """
MOORING APPLICATION

Full name                     Date of birth
Tove Lind                     3 May 1990

Address                       Postcode
2 Rope Walk, Westhaven        WH4 7QL

Telephone: 0123 555 0142      Email: tove@lind.example
Boat name: Petrel             Length: 9.4 m
Registration no: SSR 104417

Signed: T. Lind               Date: 4 May 2031
""",
        """
Full name => Tove Lind
Date of birth => 3 May 1990
Address => 2 Rope Walk, Westhaven
Postcode => WH4 7QL
Telephone => 0123 555 0142
Email => tove@lind.example
Boat name => Petrel
Length => 9.4 m
Registration no => SSR 104417
Signed => T. Lind
Date => 4 May 2031
""",
        {
            "name": "Tove Lind",
            "birth date": "3 May 1990",
            "phone": "0123 555 0142",
            "email": "tove@lind.example",
            "boat name": "Petrel",
            "registration number": "SSR 104417",
        },
    ),
    Paper(
        "Antrag",
        """
Antrag auf einen Liegeplatz

Name:            Lind             Vorname:      Tove
Straße:          Hafenweg 2       PLZ/Ort:      24103 Kiel
Geburtsdatum:    03.05.1990       Telefon:      0431 555 014
Boot:            Petrel           Länge:        9,4 m
Bemerkungen:     Liegeplatz möglichst nahe
                 am Steg B
Ort, Datum:      Kiel, 04.05.2031
""",
        """
Name => Lind
Vorname => Tove
Straße => Hafenweg 2
PLZ/Ort => 24103 Kiel
Geburtsdatum => 03.05.1990
Telefon => 0431 555 014
Boot => Petrel
Länge => 9,4 m
Bemerkungen => Liegeplatz möglichst nahe am Steg B
Ort, Datum => Kiel, 04.05.2031
""",
        {"Vorname": "Tove", "Geburtsdatum": "03.05.1990", "Boot": "Petrel", "Telefon": "0431 555 014"},
    ),
    Paper(
        "領収書",
        """
                領収書
             潮風書店株式会社
          東京都港区海岸1丁目2番地

領収書番号                        R-2031-88
日付                             2031/05/03
担当                                   佐藤

航海図                               ¥1,200
手帳                                   ¥850

小計                                 ¥2,050
消費税 10%                             ¥205
合計                                 ¥2,255
現金                                 ¥3,000
お釣り                                 ¥745
""",
        """
領収書番号 => R-2031-88
日付 => 2031/05/03
担当 => 佐藤
小計 => ¥2,050
消費税 10% => ¥205
合計 => ¥2,255
現金 => ¥3,000
お釣り => ¥745
""",
        {"合計": "¥2,255", "消費税": "¥205", "領収書番号": "R-2031-88", "日付": "2031/05/03"},
    ),
    Paper(
        "recibo",
        """
             Padaria do Cais Lda
        Rua das Flores 9, 1200 Lisboa
              NIF 501234567

Fatura-recibo n.º            FR 2031/88
Data                         2031-05-03
Operador                          Marta

2 Pastel de nata                   2,60
1 Galão                            1,80
1 Pão de Mafra                     2,10

Total ilíquido                     5,75
IVA 13%                            0,75
Total a pagar                      6,50
Multibanco                         6,50
""",
        """
NIF => 501234567
Fatura-recibo n.º => FR 2031/88
Data => 2031-05-03
Operador => Marta
Total ilíquido => 5,75
IVA 13% => 0,75
Total a pagar => 6,50
Multibanco => 6,50
""",
        {"total": "6,50", "iva": "0,75", "nif": "501234567", "data": "2031-05-03"},
    ),
    Paper(
        "one line apart",
        """
         THE SWING BRIDGE INN
     1 Bridge Lane, Mill Creek

Bill No. 7716  Table 4  Covers 3
Date 30/10/2031  Time 21:05
Server: Ann-Marie

3 Fish pie @ 14.50                43.50
2 Ginger beer @ 3.90               7.80
Service charge 12.5%               6.41

Total                             57.71
Tip                                5.00
VISA XXXX 1881                    62.71
Auth code                        004417
Terminal ID                    22178803
""",
        """
Bill No. => 7716
Table => 4
Covers => 3
Date => 30/10/2031
Time => 21:05
Server => Ann-Marie
Service charge 12.5% => 6.41
Total => 57.71
Tip => 5.00
VISA XXXX 1881 => 62.71
Auth code => 004417
Terminal ID => 22178803
""",
        {"total": "57.71", "service charge": "6.41", "bill no": "7716", "time": "21:05"},
    ),
    Paper(
        "statement",
        """
Westhaven Harbour Authority
Statement of account

Account No: 0088-417           Period: May 2031
Customer ID: TL-90             Page: 1 of 1

Opening balance                             120.00
Payments received                          -120.00
Mooring fees                                210.00
Electricity                                  18.40
Balance due                                 228.40
""",
        """
Account No => 0088-417
Period => May 2031
Customer ID => TL-90
Page => 1 of 1
Opening balance => 120.00
Payments received => -120.00
Mooring fees => 210.00
Electricity => 18.40
Balance due => 228.40
""",
        {"account number": "0088-417", "customer id": "TL-90", "total": "228.40"},
    ),
)
