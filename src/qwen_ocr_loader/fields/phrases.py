"""What forms, receipts and invoices print beside values, in a dozen languages and a few more: the tables themselves."""

from __future__ import annotations

import re

TABLE = """
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
    税込合計; 金額; totaal; te betalen; totaalbedrag; suma;
    razem; do zapłaty; summa; att betala; итого; всего; сумма; к оплате; 합계; 총액; 총 금액; 결제금액;
    tổng cộng; tổng tiền; thành tiền; الإجمالي; المجموع; المبلغ الإجمالي
subtotal (amount): subtotal; sub total; amount untaxed; untaxed amount; total excluding; total excl; net amount;
    taxable amount; goods total; zwischensumme; nettobetrag; netto; sous total; total ht; montant ht; base imponible;
    base imponibile; subtotale; imponibile; total ilíquido; 小计; 不含税金额; 小計; 税抜金額; net; subtotaal;
    suma częściowa; delsumma; подытог; 소계; 공급가액; tạm tính; المجموع الفرعي
tax (amount): tax amount; total tax; sales tax; tax; vat; vat amount; gst; gst amount; total gst; sst; mwst; ust;
    incl vat; including vat; vat included; includes vat; incl gst; incl tax; tax included;
    plus vat; plus tax; mehrwertsteuer; umsatzsteuer; steuer; enthaltene mwst; inkl mwst; incl mwst; darin mwst;
    enthaltene ust; zzgl mwst; zzgl ust; tva;
    montant tva; dont tva; iva; importe iva; iva inclusa; iva incluido; di cui iva; imposto; imposta; 税额; 增值税;
    消費税; 税額; 内消費税; btw; ptu; vat ptu; moms; ндс; в т ч ндс; 부가세; 세액; 부가가치세; thuế;
    thuế gtgt; ضريبة; ضريبة القيمة المضافة
service charge (amount): service charge; svc; svc charge; service; bedienung; servizio; servicio; 服务费
discount (amount): discount; disc; rabatt; remise; descuento; desconto; sconto; 折扣; 优惠; 優惠; 割引; 値引
shipping (amount): shipping; shipping cost; postage; freight; delivery charge; delivery fee; versand; versandkosten;
    porto; frais de port; frais de livraison; gastos de envío; portes; spese di spedizione; 运费; 送料
tip (amount): tip; gratuity; trinkgeld; pourboire; propina; gorjeta; mancia; 小费
rounding (amount): rounding; rounding adj; rounding adjustment; rundung; arrondi; redondeo; 舍入; 抹零
cash (amount): cash; cash received; cash tendered; received cash; paid; amount paid; paid amount; payment; tendered;
    bar; gegeben; espèces; payé; efectivo; pagado; dinheiro; pago; contanti; pagato; 现金; 实收; 收款; 現金; お預り;
    お預かり; contant; gotówka; kontant; наличные; 현금; tiền mặt; نقدا
change (amount): change; change due; balance returned; rückgeld; rendu; monnaie rendue; cambio; troco; resto; 找零;
    お釣り; おつり; 釣銭; wisselgeld; reszta; växel; сдача; 거스름돈; tiền thừa; الباقي
invoice number (id): invoice number; invoice no; invoice num; invoice; invoice id; inv no; inv; bill no; bill number;
    bill; receipt no; receipt number; receipt; doc no; document no; document number; tax invoice no; ticket no;
    rechnungsnummer; rechnungs nr; rechnung nr; rechnungsnr; rechnung; beleg nr; belegnummer; bon nr;
    numéro de facture; facture n; facture no; n facture; facture; número de factura; factura n; factura no;
    n de factura; factura; número da fatura; fatura n; fatura; nota fiscal; numero fattura; fattura n; fattura;
    n fattura; 发票号码; 发票号; 票据号码; 单号; 单据号; 小票号; 請求書番号; 請求番号; 領収書番号; 伝票番号;
    factuurnummer; bonnummer; bonnr; numer faktury; nr faktury; nr paragonu; fakturanummer; kvittonummer; номер счета;
    номер чека; чек; 송장번호; 영수증번호; số hóa đơn; số hoá đơn; رقم الفاتورة
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
    codice fiscale; 税号; 纳税人识别号; 统一社会信用代码; 登録番号; nip; инн; 사업자등록번호; mã số thuế; c f; vat; gst;
    tva
registration number (id): registration number; registration no; reg no; company no; company reg no; co no; co reg no;
    business reg no; roc no; handelsregister; siret; siren; 注册号; 工商注册号; 法人番号; org nr;
    organisationsnummer; kvk
id number (id): id number; id no; identity number; identity card no; identification number; ic no; passport no;
    passport number; licence no; license no; ausweisnummer; ausweis nr; numéro d identité; dni; cpf; cédula;
    número de identificación; carta d identità; 身份证号; 身份证号码; 公民身份号码; 证件号码; 证件号; 护照号;
    身分証番号; 旅券番号
ssn (id): social security number; social security no; ssn; sozialversicherungsnummer; 社会保障号
ein (id): employer identification number; employer id; ein
date (date): invoice date; date of issue; issue date; receipt date; bill date; bill dt; transaction date; date;
    inv date; inv dt; date issued; dated; rechnungsdatum; belegdatum; ausstellungsdatum; datum; date de facture;
    date facture; fecha de factura; fecha de emisión; fecha; data da fatura; data de emissão; data fattura;
    data emissione; data; 开票日期; 日期; 交易日期; 交易时间; 消费日期; 日付; 発行日; 請求日; 取引日; factuurdatum;
    data wystawienia; fakturadatum; дата; 날짜; 일자; 발행일; 거래일시; ngày; التاريخ
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
    morada; indirizzo; 地址; 公司地址; 住址; 店铺地址; 所在地; 住所; ご住所; adres; adress; адрес; 주소;
    địa chỉ; العنوان
billing address (address): billing address; bill to address; rechnungsadresse; adresse de facturation; 账单地址;
    請求先住所
shipping address (address): shipping address; ship to; delivery address; deliver to; lieferadresse;
    adresse de livraison; 收货地址; 送货地址; 配送先
phone (phone): phone; phone no; phone number; telephone; telephone no; telephone number; tel; tel no; mobile;
    mobile no; contact no; contact number; hp; telefon; telefonnummer; tel nr; mobil; téléphone; portable; teléfono;
    móvil; telefone; celular; telefono; cellulare; 电话; 联系电话; 手机; 手机号; 電話; 電話番号; 携帯; телефон; тел;
    전화; 전화번호; điện thoại; số điện thoại; هاتف; الهاتف
fax (phone): fax; fax no; fax number; telecopier; telecopier no; telefax; télécopie; 传真; ファックス
email (email): email; e mail; email address; mail; courriel; correo; correo electrónico; 邮箱; 电子邮件; メール
website (site): website; web site; web; partner website; url; homepage; internet; site; sitio web; 网址; 网站;
    ホームページ
page (text): page; page no; seite; página; pagina; 页码; 頁; ページ
name (name): name; full name; first name; last name; surname; given name; vorname; nachname; nom; prénom; nombre;
    apellido; apellidos; nome; sobrenome; cognome; 姓名; 名字; 氏名; お名前; 名前; フリガナ; naam; imię i nazwisko;
    nazwisko; namn; имя; фамилия; фио; 이름; 성명; họ tên; họ và tên; الاسم
cashier (text): cashier; cashier no; served by; server; operator; waiter; kassierer; kasse; bediener; caissier;
    caisse; serveur; cajero; caja; camarero; caixa; operador; cassiere; cassa; cameriere; 收银员; 收款人; 担当;
    担当者; medewerker; kasjer; kassa; касса; кассир; 담당자; 계산원; thu ngân
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
postcode (id): postcode; post code; zip; zip code; postal code; plz; postleitzahl; code postal; código postal; cep;
    cap; 邮编; 郵便番号
period (text): period; billing period; zeitraum; abrechnungszeitraum; leistungszeitraum; période; período; periodo
gender (text): gender; sex; geschlecht; sexe; sexo; sesso; 性别; 性別
nationality (text): nationality; staatsangehörigkeit; nationalité; nacionalidad; nacionalidade; nazionalità; 国籍;
    民族
"""
"""A concept a paragraph: its name, its kind, its phrases, best first."""

NOUNS = frozenset(
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

TITLES = frozenset(
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

FILLERS = frozenset(
    re.findall(
        r"\w+",
        "a an and any as d da das de del der des di die do du e el est et if in is la las le les of or s the y your",
    )
)
"""Words that say nothing about which label it is."""
