"""Words that forms, receipts and invoices print beside a value, in a dozen languages: a table, and how to look in it.

A *concept* is what a schema asks for, whatever it is called and wherever it is printed: ``invoice number`` is also
``Rechnungs-Nr.`` and ``发票号码``. Its *phrases* are its names, best first; its *kind* says what its value looks like.
Words are compared without case, accents, punctuation and plural s, with one slip of the reading in longer ones.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Kind = Literal["text", "name", "date", "time", "amount", "count", "id", "phone", "email", "site", "address"]
Phrase = tuple[str, ...]


class Concept(NamedTuple):
    """What a value is called, and what it looks like."""

    name: str
    kind: Kind
    phrases: tuple[Phrase, ...]


class Word(NamedTuple):
    """A word of a text, folded, and where it stands there: ``text[start:end]``."""

    folded: str
    start: int
    end: int


_TABLE = """
company (name): company; company name; merchant; merchant name; store; store name; shop; shop name; vendor;
    vendor name; seller; seller name; supplier; supplier name; partner name; issuer; business name; sold by;
    service provider; firma; firmenname; verkäufer; lieferant; händler; société; entreprise; vendeur; fournisseur;
    raison sociale; empresa; vendedor; proveedor; razón social; fornecedor; razão social; azienda; ditta; fornitore;
    venditore; ragione sociale; 公司; 公司名称; 商户名称; 商户; 销售方; 销售方名称; 卖方; 供应商; 店名; 店铺; 会社名;
    販売者; 店舗名
buyer (name): buyer; buyer name; customer; customer name; client; client name; bill to; billed to; invoice to;
    sold to; kunde; kundenname; käufer; rechnungsempfänger; acheteur; nom du client; comprador; cliente; acquirente;
    nome cliente; 购买方; 购买方名称; 买方; 客户; 客户名称; 顾客; 購入者; お客様名; 取引先; 宛名
total (amount): grand total; total amount due; total amount payable; total due; amount due; balance due;
    amount payable; net total; invoice total; total amount; total price; total; amount; total sales; total inclusive;
    gesamtbetrag; gesamtsumme; rechnungsbetrag; endbetrag; zu zahlen; zahlbetrag; gesamt; summe; betrag;
    montant total; total ttc; total à payer; net à payer; montant; importe total; total a pagar; importe;
    valor total; total geral; totale; totale complessivo; importo totale; importo; 总计; 合计; 总额; 总金额;
    价税合计; 应付金额; 实付金额; 实付; 金额; 小写; 合計; 合計金額; 総額; 総合計; お会計; ご請求金額; 請求金額;
    税込合計; 金額
subtotal (amount): subtotal; sub total; amount untaxed; untaxed amount; total excluding; total excl; net amount;
    taxable amount; goods total; zwischensumme; nettobetrag; netto; sous total; total ht; montant ht; base imponible;
    base imponibile; subtotale; imponibile; total ilíquido; 小计; 不含税金额; 小計; 税抜金額
tax (amount): tax amount; total tax; sales tax; tax; vat; vat amount; gst; gst amount; total gst; sst; mwst; ust;
    incl vat; including vat; vat included; includes vat; incl gst; incl tax; tax included;
    plus vat; plus tax; mehrwertsteuer; umsatzsteuer; steuer; enthaltene mwst; inkl mwst; incl mwst; darin mwst;
    enthaltene ust; zzgl mwst; zzgl ust; tva;
    montant tva; dont tva; iva; importe iva; iva inclusa; iva incluido; di cui iva; imposto; imposta; 税额; 增值税;
    消費税; 税額; 内消費税
service charge (amount): service charge; svc; svc charge; service; bedienung; servizio; servicio; 服务费
discount (amount): discount; disc; rabatt; remise; descuento; desconto; sconto; 折扣; 优惠; 優惠; 割引; 値引
shipping (amount): shipping; shipping cost; postage; freight; delivery charge; delivery fee; versand; versandkosten;
    porto; frais de port; frais de livraison; gastos de envío; portes; spese di spedizione; 运费; 送料
tip (amount): tip; gratuity; trinkgeld; pourboire; propina; gorjeta; mancia; 小费
rounding (amount): rounding; rounding adj; rounding adjustment; rundung; arrondi; redondeo; 舍入; 抹零
cash (amount): cash; cash received; cash tendered; received cash; paid; amount paid; paid amount; payment; tendered;
    bar; gegeben; espèces; payé; efectivo; pagado; dinheiro; pago; contanti; pagato; 现金; 实收; 收款; 現金; お預り;
    お預かり
change (amount): change; change due; balance returned; rückgeld; rendu; monnaie rendue; cambio; troco; resto; 找零;
    お釣り; おつり; 釣銭
invoice number (id): invoice number; invoice no; invoice num; invoice; invoice id; inv no; inv; bill no; bill number;
    bill; receipt no; receipt number; receipt; doc no; document no; document number; tax invoice no; ticket no;
    rechnungsnummer; rechnungs nr; rechnung nr; rechnungsnr; rechnung; beleg nr; belegnummer; bon nr;
    numéro de facture; facture n; facture no; n facture; facture; número de factura; factura n; factura no;
    n de factura; factura; número da fatura; fatura n; fatura; nota fiscal; numero fattura; fattura n; fattura;
    n fattura; 发票号码; 发票号; 票据号码; 单号; 单据号; 小票号; 請求書番号; 請求番号; 領収書番号; 伝票番号
order number (id): order number; order id; order no; order; po number; po no; purchase order; bestellnummer;
    bestell nr; auftragsnummer; auftrags nr; numéro de commande; commande n; número de pedido; pedido; numero ordine;
    ordine; 订单号; 订单编号; 訂單編號; 注文番号; 発注番号
delivery note number (id): delivery note number; delivery note no; delivery note; lieferschein nr; lieferscheinnummer;
    numéro de bon de livraison; bon de livraison n; número de albarán; albarán n; ddt n; 送货单号; 納品書番号
customer number (id): customer number; customer no; customer id; client no; client number; kundennummer; kunden nr;
    numéro client; n client; número de cliente; codice cliente; 客户编号; 客户号; 会员号; 顧客番号; お客様番号
account number (id): account number; account no; account; acct no; a c no; bank account; kontonummer; konto nr; iban;
    numéro de compte; número de cuenta; cuenta; conta; numero conto; 账号; 帐号; 银行账号; 卡号; 口座番号
bank code (id): bic; swift; swift code; bic swift; bank code; sort code; bankleitzahl; blz; code banque
terminal (id): terminal; terminal id; terminal no; auth code; approval code; genehmigungs nr; 终端号
tax number (id): tax number; tax id; tax no; vat no; vat number; vat id; vat reg no; vat tin; tin; gst no; gst id;
    gst id no; gst reg no; gst reg; gst number; gst registration no; sst id; tax reg id; service tax; ust id;
    ust idnr; ust id nr; steuernummer; steuer nr; n tva; numéro de tva; nif; cif; rfc; nit; cnpj; partita iva; p iva;
    codice fiscale; 税号; 纳税人识别号; 统一社会信用代码; 登録番号; vat; gst; tva
registration number (id): registration number; registration no; reg no; company no; company reg no; co no; co reg no;
    business reg no; roc no; handelsregister; siret; siren; 注册号; 工商注册号; 法人番号
id number (id): id number; id no; identity number; identity card no; identification number; ic no; passport no;
    passport number; licence no; license no; ausweisnummer; ausweis nr; numéro d identité; dni; cpf; cédula;
    número de identificación; carta d identità; 身份证号; 身份证号码; 公民身份号码; 证件号码; 证件号; 护照号;
    身分証番号; 旅券番号
ssn (id): social security number; social security no; ssn; sozialversicherungsnummer; 社会保障号
ein (id): employer identification number; employer id; ein
date (date): invoice date; date of issue; issue date; receipt date; bill date; bill dt; transaction date; date;
    inv date; inv dt; date issued; dated; rechnungsdatum; belegdatum; ausstellungsdatum; datum; date de facture;
    date facture; fecha de factura; fecha de emisión; fecha; data da fatura; data de emissão; data fattura;
    data emissione; data; 开票日期; 日期; 交易日期; 交易时间; 消费日期; 日付; 発行日; 請求日; 取引日
due date (date): due date; payment due; payment due date; pay by; fällig am; fälligkeitsdatum; zahlbar bis; échéance;
    date d échéance; fecha de vencimiento; vencimiento; data de vencimento; vencimento; scadenza; data scadenza;
    到期日; 付款期限; 支払期限; 支払期日
order date (date): order date; ordered on; bestelldatum; date de commande; fecha de pedido; 下单时间; 订单日期; 注文日
delivery date (date): delivery date; date of delivery; ship date; lieferdatum; date de livraison; fecha de entrega;
    data de entrega; data di consegna; 交货日期; 納品日
birth date (date): date of birth; birth date; birthday; dob; geburtsdatum; geboren am; date de naissance; né le;
    fecha de nacimiento; data de nascimento; data di nascita; 出生日期; 出生; 生年月日
time (time): time; uhrzeit; zeit; heure; hora; ora; 时间; 時刻; 時間
address (address): address; company address; store address; shop address; mailing address; street address;
    warehouse address; residence; addr; anschrift; adresse; straße; dirección; domicilio; direccion; endereço;
    morada; indirizzo; 地址; 公司地址; 住址; 店铺地址; 所在地; 住所; ご住所
billing address (address): billing address; bill to address; rechnungsadresse; adresse de facturation; 账单地址;
    請求先住所
shipping address (address): shipping address; ship to; delivery address; deliver to; lieferadresse;
    adresse de livraison; 收货地址; 送货地址; 配送先
phone (phone): phone; phone no; phone number; telephone; telephone no; telephone number; tel; tel no; mobile;
    mobile no; contact no; contact number; hp; telefon; telefonnummer; tel nr; mobil; téléphone; portable; teléfono;
    móvil; telefone; celular; telefono; cellulare; 电话; 联系电话; 手机; 手机号; 電話; 電話番号; 携帯
fax (phone): fax; fax no; fax number; telecopier; telecopier no; telefax; télécopie; 传真; ファックス
email (email): email; e mail; email address; mail; courriel; correo; correo electrónico; 邮箱; 电子邮件; メール
website (site): website; web site; web; partner website; url; homepage; internet; site; sitio web; 网址; 网站;
    ホームページ
page (text): page; page no; seite; página; pagina; 页码; 頁; ページ
name (name): name; full name; first name; last name; surname; given name; vorname; nachname; nom; prénom; nombre;
    apellido; apellidos; nome; sobrenome; cognome; 姓名; 名字; 氏名; お名前; 名前; フリガナ
cashier (text): cashier; cashier no; served by; server; operator; waiter; kassierer; kasse; bediener; caissier; caisse;
    serveur; cajero; caja; camarero; caixa; operador; cassiere; cassa; cameriere; 收银员; 收款人; 担当; 担当者
salesperson (text): salesperson; sales person; salesman; verkäuferin; vendeuse; 销售员; 营业员
table (text): table; table no; tisch; mesa; tavolo; 桌号; 台号; テーブル
guests (count): covers; guests; pax; gäste; couverts; comensales; coperti; 人数
currency (text): currency; währung; devise; moneda; moeda; valuta; 币种; 通貨
payment method (text): payment method; payment type; pay method; paid by; zahlungsart; zahlungsmethode;
    mode de paiement; forma de pago; forma de pagamento; metodo di pagamento; 支付方式; 付款方式; お支払方法
description (text): description; item; item name; product; product name; article; goods; particulars; title; menu;
    bezeichnung; artikel; beschreibung; désignation; libellé; descripción; concepto; artículo; descrição; produto;
    descrizione; articolo; prodotto; 商品; 商品名称; 品名; 名称; 项目; 货物名称; 商品名; 品目; 摘要
quantity (count): quantity; qty; count; pcs; units; menge; anzahl; stück; quantité; qté; cantidad; cant; quantidade;
    qtd; quantità; qta; 数量; 个数; 個数
price (amount): unit price; price; unit cost; rate; u p; s price; each; einzelpreis; e preis; preis; prix unitaire;
    prix; p u; precio unitario; precio; preço unitário; preço; prezzo unitario; prezzo; 单价; 价格; 單價; 単価; 価格
gender (text): gender; sex; geschlecht; sexe; sexo; sesso; 性别; 性別
nationality (text): nationality; staatsangehörigkeit; nationalité; nacionalidad; nacionalidade; nazionalità; 国籍;
    民族
"""
"""A concept a paragraph: its name, its kind, its phrases, best first."""

_NOUNS = frozenset(
    re.findall(
        r"\w+",
        """
        account action address affiliation age agency amount approved asunto attention attn author background
        balance betreff birth branch brand budget by case category cc citta city claimant class client code comment
        comments conclusion contact copies copy cost country county court customer data date datum day deadline
        department dept description disposition distribution district division document duration email employer fax
        fecha file firma from gender grade group institution item lieu location manufacturer market material
        memo method model month name nationality no nos number numero nummer objective objet occupation oggetto
        order originator ort ot page pages pagina payment period phone place plz position prepared price priority
        postcode problem product project purpose qty quantity re reason received recipient recommendation ref reference
        region remark remarks requested result sample section seite sender serial sex signature signed size solution
        source state status strasse street subject submitted subtotal supplier tax tel telephone terms test thru time
        titel title to total transmitter type unit unterschrift vendor via ville vs volume weight year zip
        """,
    )
)
"""A short line that begins or ends with one of these may be a label, though it has no colon."""

_TITLES = frozenset(
    re.findall(
        r"\w+",
        """
        invoice receipt bill statement confirmation quotation quote estimate note rechnung beleg quittung
        auftragsbestätigung bestellbestätigung lieferschein angebot kontoauszug facture devis confirmation bon relevé
        factura recibo confirmación albarán presupuesto extracto fatura confirmação guia fattura ricevuta conferma
        """,
    )
)
"""What a page is: such words head it, and are no caption of what stands above them."""

_FILLERS = frozenset(
    re.findall(
        r"\w+",
        "a an and any as d da das de del der des di die do du e el est et if in is la las le les of or s the y your",
    )
)
"""Words that say nothing about which label it is."""

_WORD = re.compile(r"\d+(?:[.,]\d+)?\s?%|[^\W\d_ºª]+|\d+|#")
RATE = re.compile(r"[\s.]{0,2}[@(]?\s?\d{1,3}(?:[.,]\d{1,2})?\s?%\)?")
"""The rate of a tax or discount: part of a label's print, but not of its name."""
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_MISREAD = re.compile(r"(?<=[A-Za-z])[01](?=[A-Za-z])")
_NUMBERING = re.compile(r"\W*(?:\(?[A-Za-z0-9]{1,2}[).]+\s*|\d{1,2}\s+(?=[^\W\d]))?")
_COUNTED = re.compile(r"\W*\w{1,2}[).]")
_HEAD = re.compile(r"[^,;:：?（]*?(?=\s+\(|[（,;:：?]|\.\s|$)")
_SENTENCE_END = re.compile(r"[^\W\d_]{5,}\.$")
_SHORT = dict.fromkeys(("nr", "num", "#", "n", "nos", "number", "nummer", "numero"), "no") | {"amt": "amount"}
_LONGEST_PREFIX = 60  # characters
_LONGEST_LABEL = 140  # characters, with what is explained in it
_LONGEST = 8  # words of a label, letters of one in Chinese or Japanese
_LONG_WORD = 6  # letters, from which on one slip is forgiven


@lru_cache(maxsize=4096)
def words(text: str) -> tuple[Word, ...]:
    """The words and numbers of a text, folded; spans are those of ``text``. ``InvoiceNo`` is two words."""
    repaired = _MISREAD.sub(_letter, text)
    return tuple(Word(_folded(repaired[start:end]), start, end) for start, end in _spans(repaired))


@lru_cache(maxsize=4096)
def phrase(text: str) -> Phrase:
    """A text as words to compare, without fillers: ``"No. of the Invoice:"`` is ``("no", "invoice")``."""
    return _phrase(words(text))


def _phrase(found: Sequence[Word]) -> Phrase:
    said = tuple(word.folded for word in found)
    return tuple(word for word in said if word not in _FILLERS) or said


def head(text: str) -> str:
    """A label without its number, a rate, and what is explained in it: ``"5 Address (street and no.)"`` is ``"Address"``."""
    text = RATE.sub("", text)
    start = _NUMBERING.match(text)
    found = _HEAD.match(text, start.end() if start else 0)
    return (found[0].strip() if found else "") or text.strip()


def _letter(digit: re.Match[str]) -> str:
    """The letter that a digit amid letters was: ``INV0ICE``."""
    letter = "o" if digit[0] == "0" else "l"
    return letter if digit.string[digit.start() - 1].islower() else letter.upper()


def _spans(text: str) -> Iterator[tuple[int, int]]:
    for found in _WORD.finditer(text):
        if found[0].endswith("%"):  # "VAT 7 %" is the tax, whatever its rate
            continue
        start = found.start()
        for hump in _CAMEL.finditer(found[0]) if _is_mixed(found[0]) else ():
            yield start, found.start() + hump.start()
            start = found.start() + hump.start()
        yield start, found.end()


def _is_mixed(word: str) -> bool:
    """Whether it may be two words: ``InvoiceNo`` is, ``MwSt`` is one."""
    return not (word[1:].islower() or word.isupper() or _plain(word) in _known_words())


@lru_cache(maxsize=4096)
def _folded(word: str) -> str:
    """As words are compared; one that is nearly a word of the table is taken for it."""
    plain = _plain(word)
    if len(plain) < _LONG_WORD or plain in _known_words():
        return plain
    return next((_misspelt()[slip] for slip in _slips(plain) if slip in _misspelt()), plain)


def _plain(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", word).casefold()
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    plain = plain[:-1] if len(plain) > 3 and plain.endswith("s") and not plain.endswith("ss") else plain
    return _SHORT.get(plain, plain)


def _slips(word: str) -> Iterator[str]:
    """The word with one letter blotted out, never the first: words that differ in one letter share one of these."""
    return (f"{word[:i]}*{word[i + 1 :]}" for i in range(1, len(word)))


@cache
def _known_words() -> frozenset[str]:
    printed = (word for _, phrases in _entries() for text in phrases for word in text.split())
    return frozenset(_plain(word) for word in (*printed, *_NOUNS))


@cache
def _misspelt() -> dict[str, str]:
    return {slip: word for word in sorted(_known_words()) if len(word) >= _LONG_WORD for slip in _slips(word)}


@cache
def _entries() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The table's paragraphs: ``"name (kind)"`` and the phrases as they are written there."""
    paragraphs = (entry.split(":", 1) for entry in re.split(r"\n(?=\S)", _TABLE.strip()))
    return tuple((title, tuple(text.strip() for text in phrases.split(";"))) for title, phrases in paragraphs)


@cache
def concepts() -> tuple[Concept, ...]:
    """All that the table knows."""
    return tuple(_concept(title, phrases) for title, phrases in _entries())


def _concept(title: str, phrases: Iterable[str]) -> Concept:
    name, kind = title.rstrip(")").split(" (")
    return Concept(name, cast("Kind", kind), tuple(dict.fromkeys(phrase(text) for text in phrases)))


class Vocabulary:
    """Phrases that labels are made of: the table's, and whatever else is asked for."""

    def __init__(self, more: Iterable[Phrase] = ()) -> None:
        known = [text for concept in concepts() for text in concept.phrases]
        asked = [text for text in more if text]
        self._phrases = frozenset((*known, *asked))
        self._asked = tuple(frozenset(text) for text in asked if len(text) > 1)

    def __contains__(self, given: Phrase) -> bool:
        return given in self._phrases

    def prefix(self, text: str) -> int:
        """How far the longest known phrase reaches that the text starts with; 0 where it starts with none."""
        found = words(text[:_LONGEST_PREFIX])[:_LONGEST]
        for size in range(len(found), 0, -1):
            if found[size - 1].folded in _FILLERS:  # the country of a tax number is none of its label
                continue
            if _phrase(found[:size]) in self._phrases:
                return found[size - 1].end
        return self._run_together(text, found[0]) if found and CJK.match(found[0].folded) else 0

    def known(self, text: str) -> list[tuple[int, int]]:
        """Spans of the known phrases that a text is made of, as when headings were read as one; empty if of more."""
        spans, at = [], 0
        while at < len(text):
            size = self.prefix(text[at:])
            if not size:
                return []
            spans.append((at, at + size))
            at += size + len(text[at + size :]) - len(text[at + size :].lstrip(" /|.()"))
        return spans

    def _run_together(self, text: str, first: Word) -> int:
        """The same in a script without spaces: ``地址北京市`` starts with ``地址``."""
        sizes = range(min(first.end - first.start, _LONGEST), 1, -1)
        ends = (first.start + size for size in sizes)
        return next((end for end in ends if (_plain(text[first.start : end]),) in self._phrases), 0)

    def is_label(self, text: str) -> bool:
        """Whether a text without a colon may be a label: known, or short and about what labels are about."""
        if len(text) > _LONGEST_LABEL:
            return False
        name = head(text)
        found = phrase(name)
        whole = phrase(text)
        if len(whole) > 1 and whole in self._phrases:  # "incl. VAT", which no sentence begins with
            return True
        if not found or name[0].islower() or (text[0] in "([" and text.startswith(name, 1)):
            return False
        if found in self._phrases:
            return True
        if len(text.split()) <= _LONGEST + 1 and any(asked <= set(whole) for asked in self._asked):
            return True
        counted = _COUNTED.match(text) is not None
        odd = _SENTENCE_END.search(text) or (any(word.isdigit() for word in found) and not counted)
        odd = odd or (text[0].isdigit() and not counted)  # the number of a house
        return not odd and len(text.split()) <= _LONGEST and (found[0] in _NOUNS or found[-1] in _NOUNS)


def is_title(text: str) -> bool:
    """Whether a text is what a page is headed by: ``ORDER CONFIRMATION``, ``Statement of account``."""
    said = [word.folded for word in words(text)]
    return any(word in _titles() for word in (*said[:1], *said[-1:]))


@cache
def _titles() -> frozenset[str]:
    return frozenset(map(_plain, _TITLES))


def known_concept(text: str) -> Concept | None:
    """The concept of the table that a printed label names; None where it names none."""
    return _by_phrase().get(phrase(head(text))) or _by_phrase().get(phrase(text))


@cache
def _by_phrase() -> dict[Phrase, Concept]:
    return {said: concept for concept in reversed(concepts()) for said in concept.phrases}


@lru_cache(maxsize=256)
def concept_of(name: str, description: str = "") -> Concept:
    """What a schema's key asks for: a concept of the table by any of its phrases, or one of its own.

    The key's own words come first among the phrases. What it is described as counts where the table lacks the key.
    """
    asked = phrase(name)
    for words_for_it in (asked, phrase(description)):
        for concept in concepts():
            if words_for_it in concept.phrases:
                return concept._replace(phrases=tuple(dict.fromkeys((asked, *concept.phrases))))
    return Concept(name, _kind(asked), (asked,) if asked else ())


_KINDS: tuple[tuple[Kind, str], ...] = (
    ("date", "date datum fecha data dob 日期"),
    ("email", "email mail"),
    ("site", "website url web"),
    ("phone", "phone telephone tel fax mobile"),
    ("address", "address adresse anschrift direccion"),
    ("amount", "amount price total sum cost fee tax balance subtotal betrag preis 金额"),
    ("id", "no number id code ssn ein"),
    ("name", "name"),
)


def _kind(asked: Phrase) -> Kind:
    return next((kind for kind, signs in _KINDS if set(signs.split()) & set(asked)), "text")


def likeness(label: str, concept: Concept) -> float:
    """How well a printed label fits what is asked for, 0-1; 1 for the concept's first phrase to the letter."""
    printed, found = phrase(head(label)), phrase(label)
    if not printed or not concept.phrases:
        return 0.0
    known = next((said for said in (printed, found) if said in concept.phrases), None)
    if known:
        return 1.0 - 0.2 * concept.phrases.index(known) / len(concept.phrases)
    asked = concept.phrases[0]
    if not set(asked) <= set(found):
        return 0.0
    size = len(printed) if set(asked) <= set(printed) else len(found)
    return 0.75 * 2 * len(asked) / (len(asked) + size)
