"""What mail programs write around another's words, by language. Data only; everything casefolded."""


def _listed(words: str) -> list[str]:
    return [" ".join(each.split()) for each in words.split(";")]


# Labels of the header block above a mail that is answered or passed on.
FIELDS: dict[str, str] = {
    "from": """
        from; lähettäjä; från; avsändare; von; absender; de; expéditeur; da; mittente; remitente; remetente;
        van; afzender; fra; afsender; avsender; od; nadawca; odesílatel; odosielateľ; feladó; от; от кого;
        отправитель; від; від кого; відправник; kimden; gönderen; de la; expeditor; expeditorul; šalje;
        pošiljatelj; pošiljalac; saatja; kellelt; no; sūtītājs; nuo; siuntėjas; από; αποστολέας; подател;
        пошиљалац; шаље; frá; sendandi; 差出人; 送信元; 送信者; 发件人; 寄件者; 寄件人; 보낸 사람; 보낸사람;
        מאת; من; المرسل; từ; người gửi; dari; pengirim; จาก; nork; igorlea; remitent; ó; oddo
        """,
    "sent": """
        sent; date; lähetetty; päiväys; päivämäärä; pvm; aika; skickat; skickades; datum; gesendet;
        gesendet am; envoyé; envoyé le; date d'envoi; message du; inviato; inviato il; data; enviado;
        enviado el; enviada em; enviado em; enviada; fecha; verzonden; sendt; dato; wysłano; wysłane;
        data wysłania; odesláno; odoslané; dátum; elküldve; küldve; отправлено; дата; надіслано;
        дата відправлення; gönderildi; gönderme tarihi; gönderilme tarihi; tarih; trimis; dată;
        data trimiterii; poslano; poslato; saadetud; saatmisaeg; kuupäev; nosūtīts; datums; išsiųsta; στάλθηκε;
        ημερομηνία; изпратено; послато; датум; sent on; sendt den; 送信日時; 日付; 日時; 发送时间; 发送日期;
        發送時間; 寄件日期; 傳送時間; 日期; 時間; 时间; 보낸 날짜; 날짜; 보낸날짜; נשלח; תאריך; تاريخ الإرسال;
        التاريخ; تم الإرسال; đã gửi; ngày; tanggal; dikirim; วันที่; bidalia; enviat el; enviat; dags; dagsetning
        """,
    "to": """
        to; vastaanottaja; kenelle; till; mottagare; an; empfänger; à; a; pour; destinataire; para; per;
        destinatario; destinatário; aan; naar; til; modtager; mottaker; do; adresat; komu; pro; pre; címzett;
        кому; получатель; одержувач; kime; alıcı; către; destinatar; destinatarul; prima; za; primatelj;
        kellele; saaja; adressaat; kam; saņēmējs; gavėjas; προς; παραλήπτης; до; коме; 宛先; 送信先; 收件人; 收件者;
        받는 사람; 받는사람; אל; נמען; إلى; المستلم; tới; đến; người nhận; kepada; penerima; ถึง; nori; per a
        """,
    "cc": """
        cc; kopio; kopia; kopie; kopie (cc); copie à; copie; copia; cópia; kopi; cc/kopi; dw; kopie do; kópia;
        másolat; másolatot kap; копия; копія; bilgi; copie carbon; kopija; koopia; kopie an; κοιν; κοινοποίηση;
        копие; копија; afrit; 抄送; 副本; 참조; עותק; העתק; نسخة; tembusan; สำเนา; a/c; kp; bcc; piilokopio;
        hemlig kopia; blindkopie; с копия до; kopie pro
        """,
    "subject": """
        subject; aihe; otsikko; ämne; rubrik; betreff; objet; sujet; oggetto; asunto; assunto; onderwerp; emne;
        temat; předmět; predmet; tárgy; тема; konu; subiect; subiectul; naslov; teema; temats; tema; θέμα;
        относно; naslov poruke; 件名; 主题; 主題; 主旨; 标题; 제목; נושא; הנדון; الموضوع; chủ đề; tiêu đề; zadeva; tēma;
        perihal; subjek; เรื่อง; assumpte; gaia; efni
        """,
    "other": """
        reply-to; reply to; vastausosoite; svara till; svar til; antwort an; répondre à; rispondi a;
        responder a; antwoord aan; odpověď komu; organization; organisaatio; attachments; liitteet;
        bifogade filer; bilagor; anlagen; anhänge; pièces jointes; allegati; datos adjuntos; anexos; bijlagen;
        vedhæftede filer; vedlegg; załączniki; přílohy; importance; tärkeys; prioritet; wichtigkeit;
        importance élevée; priority; sender; list-id; message-id; newsgroups; resent-from; cc to; via; lists;
        categories; luokat
        """,
}
LABELS: dict[str, str] = {label: field for field, labels in FIELDS.items() for label in _listed(labels)}

# Stems that tell a mail passed on from one answered to, in "---- ... ----" or "Begin ...:".
FORWARDED = tuple(
    _listed("""
    forwarded; fwd; välitetty; edelleenlähetetty; edelleen lähetetty; lähetetty edelleen; vidarebefordra;
    vidaresän; weitergeleitet; transféré; transmis; réexpédié; faire suivre; reenviad; encaminhad;
    reencaminhad; inoltrat; doorgestuurd; videresend; vidaresend; przekazan; przekazywan; przesłana dalej;
    przesłanej dalej; přeposlan; přeposílan; preposlan; preposielan; továbbított; переслан; пересыла; пересила;
    переадрес; перенаправлен; iletilen; iletilmiş; ileti başlangıcı; yönlendiril; redirecționat; redirectionat;
    proslijeđen; prosleđen; prosledjen; posredovan; edastatud; pārsūtīt; persiųst; persiunč; προωθημέν; προωθούμεν;
    препратен; прослеђен; áframsen; framsent; 転送; 转发; 轉寄; 轉發; 전달; הועבר; מועבר; معاد توجيه; محولة;
    تمت إعادة; chuyển tiếp; diteruskan; ส่งต่อ; reenviat; berbidali
    """)
)

# "-----Original Message-----" and its like, without the dashes.
ORIGINAL = frozenset(
    _listed("""
    original message; replied message; original email; original e-mail; original mail; original appointment; reply message;
    alkuperäinen viesti; alkuperäinen tapaaminen; alkuperäinen sähköposti; vastattu viesti;
    ursprungligt meddelande; ursprungligt mejl; originalmeddelande; ursprunglig mötesförfrågan;
    ursprüngliche nachricht; originalnachricht; original-nachricht; ursprünglicher termin; originele bericht;
    oorspronkelijk bericht; oorspronkelijke bericht; origineel bericht; message d'origine; message original;
    message initial; mail original; mensaje original; mensagem original; messaggio originale;
    messaggio originario; oprindelig meddelelse; oprindelig besked; original meddelelse;
    den oprindelige meddelelse; opprinnelig melding; opprinneleg melding; wiadomość oryginalna;
    oryginalna wiadomość; původní zpráva; pôvodná správa; eredeti üzenet; исходное сообщение;
    оригинальное сообщение; первоначальное сообщение; оригінальне повідомлення; вихідне повідомлення;
    orijinal mesaj; özgün ileti; orijinal ileti; mesaj original; mesajul original; izvorna poruka;
    originalna poruka; izvirno sporočilo; algsõnum; algne kiri; oriģinālais ziņojums; sākotnējais ziņojums;
    pirminis laiškas; originalus pranešimas; αρχικό μήνυμα; оригинално съобщение; оригинална порука;
    upphafleg skilaboð; 元のメッセージ; 元のメール; オリジナルメッセージ; 原始邮件; 原始郵件; 原邮件; 邮件原件; 回复的原邮件;
    원본 메시지; 원본 메일; הודעה מקורית; الرسالة الأصلية; thư gốc; tin nhắn gốc; pesan asli; ข้อความต้นฉบับ;
    missatge original; jatorrizko mezua
    """)
)

# "On ... Anna wrote:"
WROTE = tuple(
    _listed("""
    wrote; writes; kirjoitti; kirjoittaa; skrev; skrev följande; skriver; skreiv; schrieb; schreibt; schreef;
    geschreven; a écrit; écrit; escribió; escribio; ha escrito; escreveu; ha scritto; scrive; napisał;
    napisał(a); napisała; napisali; pisze; napsal; napsal(a); napsala; napísal; napísal(a); napísala; írta;
    ezt írta; a scris; писал; писал(а); писала; написал; написал(а); написала; пишет; пише; писав; написав;
    написав(ла); yazdı; şunu yazdı; şunları yazdı; yazmış; έγραψε; kirjutas; rakstīja; rašė; parašė;
    je napisao; je napisala; je napisao/la; napisao je; napisala je; je napisal; je napisal/-a; piše; написа;
    је написао; је написала; skrifaði; のメール; 書きました; 写道; 寫道; 写到; 님이 작성; 작성; כתב; כתבה;
    כתב/ה; كتب; đã viết; viết; menulis; va escriure; ha escrit; idatzi zuen; เขียนว่า; เขียน;
    ha scritto lo seguente; responded; vastasi; answered; folgendes geschrieben; geschrieben; missatge de;
    napisana przez; napisal; napisala; napisao; писали; מאת; كتابة ما يلي; نوشت; ने लिखा; sinulat ni
    """)
)

# Horde's "Quoting Anna <anna@example.org>:"
QUOTING = tuple(
    _listed("""
    quoting; lainaus; lainaan; citerar; citat från; citat av; zitat von; citando a; citando; en réponse à; citiere;
    quotando; citeren; siteerat; sitat fra; citat fra; cytowanie; quoted by
    """)
)

# How such a line begins, when neither with a number nor with a name.
LEADS = frozenset(
    _listed("""
    on; le; am; den; il; in; el; em; op; dne; dnia; dňa; w; på; d; pada; vào; στις; dana; 於; 于; в; у; og; om;
    a; missatge; wiadomość; בתאריך; في; در; noong; вы; kuupäev
    """)
)
WEEKDAYS = frozenset(
    _listed("""
    an; antradienis; ceturtd; ceturtdiena; csütörtök; cum; cuma; cumartesi; czw; czwartek; dc; dg; di;
    dienstag; dijous; dilluns; dim; dimanche; dimarts; dimecres; dinsdag; dissabte; diumenge; divendres; dj;
    dl; do; dom; domenica; domingo; donderdag; donnerstag; ds; dt; dum; duminică; e; esmaspäev; fim;
    fimmtudagur; fr; fre; fredag; freitag; fri; friday; fös; föstudagur; gio; giovedì; hétfő; jeu; jeudi; joi;
    jue; jueves; jum; jumat; kam; kamis; ke; keskiviikko; keskiviikkona; ketvirtadienis; kolmapäev; lau;
    lauantai; lauantaina; laugardagur; laupäev; lun; lundi; lunedì; lunes; luni; lör; lördag; lør; lørdag; ma;
    maanantai; maanantaina; maandag; man; mandag; mar; mardi; martedì; martes; marți; mer; mercoledì; mercredi;
    mi; mie; miercuri; min; minggu; mittwoch; mié; miércoles; mið; miðvikudagur; mo; mon; monday; montag; mán;
    mánudagur; mån; måndag; ne; ned; nedelja; nedeľa; nedjelja; neděle; neljapäev; niedz; niedziela; ons;
    onsdag; otrd; otrdiena; paz; pazar; pazartesi; pe; penktadienis; per; perjantai; perjantaina; perşembe;
    pet; petak; petek; pi; piatok; piektd; piektdiena; pirmadienis; pirmd; pirmdiena; piątek; pn; po; pon;
    pondelok; pondělí; ponedeljek; ponedjeljak; poniedziałek; pr; pt; pzt; pá; pátek; péntek; pühapäev; qua;
    quarta; quarta-feira; qui; quinta; quinta-feira; rab; rabu; reede; sa; sab; sabato; sabtu; sal; salı; sam;
    samedi; samstag; sat; saturday; seg; segunda; segunda-feira; sekmadienis; sel; selasa; sen; senin; sestd;
    sestdiena; sex; sexta; sexta-feira; sk; so; sob; sobota; sonntag; sre; sreda; sri; srijeda; st; streda;
    středa; su; sub; subota; sun; sunday; sunnudagur; sunnuntai; sunnuntaina; svētd; svētdiena; sze; szerda;
    szo; szombat; sáb; sábado; sâm; sâmbătă; sön; söndag; søn; søndag; t; teisipäev; ter; terça; terça-feira;
    thu; thur; thurs; thursday; ti; tiistai; tiistaina; tir; tirs; tirsdag; tis; tisdag; to; tor; torek; tors;
    torsdag; torstai; torstaina; tr; trečiadienis; trešd; trešdiena; tue; tues; tuesday; ut; uto; utorak;
    utorok; v; vasárnap; ven; vendredi; venerdì; vie; viernes; vin; vineri; vr; vrijdag; wed; weds; wednesday;
    wo; woensdag; wt; wtorek; za; zaterdag; zo; zondag; çar; çarşamba; út; úterý; þri; þriðjudagur; čet;
    četrtek; četvrtak; čt; čtvrtek; śr; środa; šeštadienis; št; štvrtok; δευ; δευτέρα; κυρ; κυριακή; πέμ;
    πέμπτη; παρ; παρασκευή; σάβ; σάββατο; τετ; τετάρτη; τρί; τρίτη; воскресенье; вс; вт; вторник; вівторок; нд;
    нед; неделя; недеља; неділя; пʼятниця; п'ятниця; пет; петак; петък; пн; пон; понеделник; понедельник;
    понедељак; понеділок; пт; пятница; сб; середа; ср; сре; среда; сряда; суб; суббота; субота; събота; уто;
    уторак; чет; четвер; четверг; четвртак; четвъртък; чт
    """)
)

# What phones and programs put below a mail by themselves; a line begins so, and goes on with a device or a program.
SENT_FROM = tuple(
    _listed("""
    sent from my; sent from outlook; sent from mail for; sent from yahoo; sent from proton; sent from samsung;
    sent from gmail; sent from the; sent from a; sent from typeapp; sent from iphone; sent from ipad;
    sent from mailspring; sent from airmail; sent from myMail; sent from mailbird; sent from bluemail;
    sent from spark; sent from tutanota; sent from fastmail; sent from huawei; sent from xiaomi; sent from aol;
    sent from nine; sent from canary; sent from aqua mail; sent from k-9; sent from thunderbird;
    sent from zoho; sent from hey; sent from superhuman; sent from missive; sent from galaxy;
    sent from android; sent from blackberry; sent from windows; sent from mobile; sent from em client;
    sent from front; sent from inbox; sent from newton; sent from polymail; sent from boxer;
    sent from cloudmagic; sent from mailbox; sent from whatsapp; sent from acompli; sent from edison;
    sent from postbox; sent by iphone; sent on the go; sent on the move; on the go - sent from;
    sent with; sent via; sent using; get outlook for; get bluemail for; get typeapp for; lähetetty iphone; lähetetty ipad;
    lähetetty mac; lähetetty samsung; lähetetty android; lähetetty outlook; lähetetty puhelime;
    lähetetty galaxy; lähetetty yahoo; lähetetty proton; lähetetty windows; lähetetty huawei; lähetetty nokia;
    lähetetty honor; lähetetty oneplus; lähetetty xiaomi; lähetetty mobiili; lähetetty matkapuhelim;
    lähetetty älypuhelim; lähetetty thunderbird; lähetetty laitteesta; lähetetty gmail; lähetetty sähköposti;
    lähetetty kännykä; lähetetty minun; hanki outlook; lataa outlook; skickat från; skickades från; skickat via; skickat med;
    sänt från; hämta outlook; skaffa outlook; von meinem; von samsung mobile; gesendet von; gesendet mit; gesendet mit der;
    diese nachricht wurde von meinem; holen sie sich outlook; outlook für; envoyé de mon; envoyé depuis;
    envoyé à partir; envoyé d'; envoyé avec; provenance : courrier; télécharger outlook; obtenez outlook; obtenir outlook;
    enviado desde; enviado do; enviado a partir; enviado de; enviado com; enviado via; enviado dende; obtener outlook;
    obter o outlook; inviato da; inviato dal; ottieni outlook; scarica outlook; verstuurd vanaf; verzonden vanuit;
    verzonden vanaf; verzonden met; verstuurd met; outlook voor; verzonden via; download outlook; sendt fra;
    sendt med; hent outlook; få outlook; wysłane z; wysłano z; pobierz outlook; odesláno z; odesláno pomocí;
    odoslané z; získat outlook; küldve; elküldve; отправлено с; отправлено из; отправлено через;
    скачать outlook; надіслано з; надіслано із; iphone'umdan gönderildi; gönderildi; trimis de pe; trimis din;
    poslano s; poslano sa; poslano z; poslato sa; saadetud minu; saadetud iphone; saadetud outlook; nosūtīts no; sūtīts no; išsiųsta iš;
    στάλθηκε από; изпратено от; iphoneから送信; ipadから送信; androidから送信; 从我的; 发自我的; 從我的;
    發自我的; 来自我的; 发自 outlook; 나의 iphone; 내 iphone; نشלח מה; נשלח מ; أرسلت من; أُرسلت من; تم الإرسال من; đã gửi từ; dikirim dari;
    enviat des; ส่งจาก
    """)
)

# Closings; the line is one of them, alone or with the name.
CLOSINGS = tuple(
    _listed("""
    ystävällisin terveisin; ystävällisesti; parhain terveisin; parhaat terveiset; lämpimästi; kiitoksin; kiitollisena; syysterkuin;
    hyvin terveisin; kunnioittavasti; kunnioittaen; yhteistyöterveisin; aurinkoisin terveisin; syysterveisin;
    kesäterveisin; kevätterveisin; talviterveisin; joulutervehdyksin; toveriterveisin; terveisin; terveiset;
    terveisiä; terv; t; tv; yt; yst.terv; yst. terv; ystäv. terv; ystävällisin; terkuin; terkut;
    rakkain terveisin; iloisin terveisin; med vänlig hälsning; med vänliga hälsningar; vänliga hälsningar;
    vänlig hälsning; vänligen; hälsningar; hälsn; bästa hälsningar; mvh; m.v.h; vh; med vänlig hälsing;
    varma hälsningar; allt gott; allt väl; kram; hälsar;
    med bästa hälsningar; best regards; kind regards;
    warm regards; warmest regards; kindest regards; regards; best wishes; with best regards; many regards;
    with kind regards; rgds; br; kr; sincerely; sincerely yours; yours sincerely; yours truly;
    yours faithfully; respectfully; cheers; all the best; best; thanks and regards; thanks & regards;
    mit freundlichen grüßen; mit freundlichem gruß; mit freundlichen grüssen; mit besten grüßen;
    freundliche grüße; freundliche grüsse; viele grüße; viele grüsse; liebe grüße; beste grüße;
    herzliche grüße; schöne grüße; gruß; grüße; mfg; lg; vg; hochachtungsvoll; cordialement; bien cordialement;
    bien à vous; sincères salutations; salutations distinguées; meilleures salutations; amicalement; cdlt;
    saludos; un saludo; saludos cordiales; atentamente; cordialmente; atenciosamente;
    com os melhores cumprimentos; melhores cumprimentos; cumprimentos; abraços; att; cordiali saluti;
    distinti saluti; saluti; un saluto; met vriendelijke groet; met vriendelijke groeten; vriendelijke groet;
    groet; groeten; groetjes; mvg; hartelijke groet; med venlig hilsen; venlig hilsen; de bedste hilsner; bedste hilsner;
    hilsen; kh; med vennlig hilsen; vennlig hilsen; beste hilsen; mange hilsener; mange hilsner; kærlig hilsen;
    pozdrawiam; z poważaniem; z powazaniem; z wyrazami szacunku; pozdrowienia; s pozdravem; s pozdravom;
    s úctou; pozdrav; lep pozdrav; lp; srdačan pozdrav; üdvözlettel; tisztelettel; üdv; с уважением;
    с наилучшими пожеланиями; з повагою; saygılarımla; iyi çalışmalar; cu stimă; cu respect; toate cele bune;
    parimate soovidega; tervitades; lugupidamisega; ar cieņu; pagarbiai; με εκτίμηση; φιλικά; поздрави; с уважение;
    с поштовањем; bestu kveðjur; kær kveðja; kveðja; slán
    """)
)

# "My answers are below": then the writer's words stand inside what he answers to.
ANSWERS_BELOW = tuple(
    _listed("""
    vastaukset alla; vastaukseni alla; vastaukset tekstin; vastasin tekstin; vastaukset väliin; kommentit alla;
    kommenttini alla; kommentteja alla; kommentoin alla; vastaan alla; kommentit tekstin;
    vastaukset punaisella; vastaukset viestin; vastaus alla; vastaukset jäljempänä; ks. alla; katso alla;
    svar nedan; svaren nedan; mina svar nedan; se nedan; kommentarer nedan; svarar nedan; svar i texten;
    svar inline; mina kommentarer nedan; svar i rött; answers below; answers inline; my answers below;
    comments below; comments inline; my comments below; see below; see inline; replies inline; replied inline;
    answered inline; inline below; reply below; response below; responses below; answers in red;
    antworten unten; antworten im text; siehe unten; antwort unten; réponses ci-dessous; voir ci-dessous;
    respuestas abajo; zie onder; svar under; se nedenfor; svar nedenfor
    """)
)

# The same in other words: what answers, and within a few words, where or how.
ANSWERS = (
    (r"vastau[sk]\w*|vastasin|vastailin|vastailen|vastaan|kommen\w+|huomio\w*",
     r"alla|alle|alempana|jäljempänä|tekstiin|tekstin|väliin|väleihin|perään|(?:puna|sini|vihre|orans|lila)\w*|nuol\w+"),
    (r"svar\w*|kommentar\w*|kommenter\w*",
     r"nedan\w*|inne? i texten|i texten|i mejlet|i (?:rött|blått|grönt|färg)|med (?:rött|blått|grönt|pilar)|direkt i"),
    (r"answer\w*|comment\w*|repl(?:y|ies|ied)|respon\w+",
     r"below|inline|in[- ]line|in (?:red|blue|green|colou?r)|in the text|between the lines"),
)  # fmt: skip
