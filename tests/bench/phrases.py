"""What generated mails are made of: headers, sentences, and what mail programs write around them. Data only."""

SENTENCES = (
    "Kiitos kutsusta, tulen mielelläni mukaan ensi viikolla.",
    "Meillä vapaaehtoisten perehdytys on jaettu kolmeen iltaan, ja se on toiminut hyvin.",
    "Onko kellään kokemusta tulkkauksen hankkimisesta etätapaamiseen?",
    "Liitteenä luonnos, josta puuttuu vielä budjetti. Kommentit perjantaihin mennessä!",
    "Tack för inbjudan, jag kommer gärna.",
    "Hos oss sköter två frivilliga jouren, och det räcker inte långt på sommaren.",
    "Har någon erfarenhet av att boka tolk till en träff på distans?",
    "Vi hörs på onsdag kl. 9.30 – eller 10.00 om tåget är försenat.",
    "Thanks, I will bring the coffee and the long list of names.",
    "We tried it in two regions: it took longer than planned, and nobody regretted it.",
    "See the notes at https://example.org/notes/2026?id=7&lang=en#top (page 3).",
    "On the other hand, 12.5. at 10:00 suits me as well",
    "Sähköpostini on anna.virtanen@example.org, puhelin +358 40 123 4567.",
    "a < b && c > d; \"lainaus\" – 'yksi' … ½ € \u2028 \u200b \U0001f41d",
    "- yksi\n- kaksi\n- kolme",
    "> ei lainaus vaan nuoli",
    "Från: 12.00 Till: 14.00",
    "Vastaukset alla.",
)
PLAIN_SENTENCES = SENTENCES[:12]

GREETINGS = ("Hei!", "Hei kaikki,", "Moi", "Hej Anna,", "Hejsan allihopa!", "Hi all,", "Dear Anna,", "", "Terve taas")

ATTRIBUTIONS = (
    "On Mon, Nov 23, 2026 at 10:15 AM Matti Laine <matti.laine@example.org> wrote:",
    "On Nov 23, 2026, at 10:15, Matti Laine\n<matti.laine@example.org> wrote:",
    "ma 23.11.2026 klo 10.15 Matti Laine (matti.laine@example.org) kirjoitti:",
    "Matti Laine <matti.laine@example.org> kirjoitti 23.11.2026 kello 10.15:",
    "23. marraskuuta 2026 10.15.20 GMT+02.00 Matti Laine <matti.laine@example.org> kirjoitti:",
    "Den mån 23 nov. 2026 kl 10:15 skrev Åsa Öberg <asa@example.org>:",
    "23 nov. 2026 kl. 10:15 skrev Åsa Öberg <asa@example.org>:",
    "Am 23.11.26 um 10:15 schrieb Max Beispiel:",
    "Le lun. 23 nov. 2026 à 10:15, Jeanne Exemple <jeanne@example.org> a écrit :",
    "El lun, 23 nov 2026 a las 10:15, Juan (<juan@example.org>) escribió:",
    "Il giorno lun 23 nov 2026 alle ore 10:15 Gina <gina@example.org> ha scritto:",
    "Op ma 23 nov 2026 om 10:15 schreef Piet <piet@example.org>:",
    "W dniu 23.11.2026 o 10:15, Ewa pisze:",
    "пн, 23 нояб. 2026 г. в 10:15, Анна <anna@example.org>:",
    "E, 23. november 2026 kell 10:15 kirjutas Mari (<mari@example.org>):",
    "2026年11月23日(月) 10:15 花子 <hanako@example.org>:",
    "在 2026年11月23日 10:15，小明 <ming@example.org> 写道：",
    "Matti kirjoitti:",
    "wrote:",
    "On",
)

# From, sent, to, subject; the rule or line above.
BLOCKS = (
    ("Lähettäjä", "Lähetetty", "Vastaanottaja", "Aihe", "-----Alkuperäinen viesti-----"),
    ("Från", "Skickat", "Till", "Ämne", "-----Ursprungligt meddelande-----"),
    ("From", "Sent", "To", "Subject", "________________________________"),
    ("From", "Date", "To", "Subject", "---------- Forwarded message ---------"),
    ("Lähettäjä", "Päiväys", "Vastaanottaja", "Aihe", "Alku välitetty viesti:"),
    ("Von", "Gesendet", "An", "Betreff", "-----Ursprüngliche Nachricht-----"),
    ("De", "Envoyé", "À", "Objet", "-----Message d'origine-----"),
    ("От", "Отправлено", "Кому", "Тема", "Begin forwarded message:"),
    ("*From*", "*Sent*", "*To*", "*Subject*", ""),
    ("Nimi", "Osoite", "Puhelin", "Muuta", "***"),
)

SIGNATURES = (
    "-- \nAnna Virtanen\nJärjestö ry\n+358 40 123 4567",
    "--\nAnna",
    "Terveisin\nAnna",
    "Ystävällisin terveisin,\n\nAnna Virtanen\nviestintäpäällikkö",
    "T. Anna",
    "Mvh Åsa",
    "Med vänlig hälsning\nÅsa Öberg",
    "/Åsa",
    "Best regards, Anna",
    "Lähetetty iPhonesta",
    "Hanki Outlook for Android<https://aka.ms/x>",
    "Skickat från min iPhone",
    "Sent from my phone, sorry for the typos",
    "PS. Muista avain.",
    "_______________________________________________\nLista mailing list\nhttps://lists.example.com/listinfo/lista",
)

FOOTERS = (
    "_______________\nSait tämän, koska seuraat keskustelua.\nhttps://forum.example.org/p/42\nLopeta: https://forum.example.org/u/x",
    "_______________\nDu får det här för att du följer diskussionen.\nhttps://forum.example.org/p/7",
    "_______________\n\nhttps://forum.example.org/p/1",
    "_______________",
)

# What programs put around a quote in HTML: before and after it.
MARKUP = (
    (
        '<div class="gmail_quote"><div dir="ltr" class="gmail_attr">ma 23.11. Matti kirjoitti:<br></div><blockquote '
        'class="gmail_quote" style="margin:0 0 0 .8ex">',
        "</blockquote></div>",
    ),
    (
        '<div class="moz-cite-prefix">Matti kirjoitti 23.11.2026 klo 10.15:<br></div><blockquote type="cite">',
        "</blockquote>",
    ),
    (
        '<div id="appendonsend"></div><hr><div id="divRplyFwdMsg" dir="ltr"><b>Från:</b> Åsa &lt;asa@example.org&gt;<br>'
        "<b>Skickat:</b> den 23 november<br><b>Till:</b> Anna<br><b>Ämne:</b> x</div>",
        "",
    ),
    (
        '<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class="MsoNormal"><b>Lähettäjä:</b> '
        'Matti <br><b>Aihe:</b> x</p></div><p class="MsoNormal">',
        "</p>",
    ),
    ('<div class="yahoo_quoted">', "</div>"),
    ('<div class="gmail_signature"><p>Anna<br>Järjestö ry</p>', "</div>"),
    ('<blockquote style="margin:0 0 0 40px;border:none;padding:0px">', "</blockquote>"),
    ('<div style="display: none">', "</div>"),
    ('<table border=0><tr><td width="50%">', "</td><td>2</td></tr></table>"),
    ("<ol><li>", "<li>toinen</ol>"),
    ("<pre>\n  kaksi\n", "</pre>"),
    ('<a href="https://example.org/a?b=1&amp;c=2">', "</a>"),
    ("<style>p { color: red }</style><script>", "</script>"),
    ("<p>&nbsp;&#228;&#xd800;&#0;&bogus;", "<p><!-- x"),
    ('<span style="font-family:Calibri"><o:p>', "</o:p></span>"),
    ("<div><div><div>", ""),
    ("<![CDATA[", "]]>"),
)

USUAL = {
    b"From": (
        b"Anna Virtanen <anna@example.org>", "Åsa Öberg <asa@example.org>".encode(),
        b"=?utf-8?Q?Anna_Virt=C3=A4nen?= <anna@example.org>", b'"Laine, Matti" <matti.laine@example.org>',
        b"anna@example.org (Anna)", b"MAILER-DAEMON@mx.example.net", b"", b'"<(,;:', b"=?utf-8?q?a=40b.c?=",
        b"<@one,@two:anna@example.org>", b"=?iso-8859-1?Q?=C5sa?= =?iso-8859-1?Q?_=D6berg?=\r\n <asa@example.org>",
        b"\xc5sa <asa@example.org>", b"undisclosed-recipients:;", b"a@b.c, d@e.f",
    ),
    b"To": (
        b"viestijat@lists.example.org", b"viestijat+r.x@lists.example.org", b"A <a@b.c>,\r\n\tB <b@b.c>,\r\n C <c@b.c>",
        "Viestijät <viestijat@lists.example.org>".encode(), b"group: a@b.c, d@e.f;, g@h.i", b"(" * 40, b"<" * 40,
        b'"\\"', b"a@b.c," * 60,
    ),
    b"Subject": (
        b"Hiljainen tieto", b"Re: Hiljainen tieto", b"VS: [viestijat] Hiljainen tieto", b"SV: Sv: Re[2]: tr\xc3\xa4ff",
        b"=?utf-8?B?SGlsamFpbmVuIHRpZXRv?=", b"=?utf-8?Q?p=C3=B6yt=C3=A4?=\r\n =?utf-8?Q?_ja_tuoli?=",
        b"=?utf-8?Q?rikki=C3?= =?utf-8?Q?=A4?=", b"=?utf-8?X?abc?=", b"=?bogus?Q?=E4?=", b"=?utf-8?B?%%%?=", b"\xe4\xf6\xff",
        b"Fwd: kokous", b"Automaattinen vastaus: kokous", b"Undeliverable: kokous", b"", b"x" * 1200,
        b"=?utf-8?q?a=0D=0AX-Evil:_1=00?=", b"=?utf-7?Q?+AOQ-?=", b"=?utf-8?q?=?= =?", "väliin\r\n taitettu\r\n\r".encode(),
    ),
    b"Message-ID": (b"<1@example.org>", b"<CA+%d@mail.example.org>", b"no-brackets@example.org", b"<>", b"<\xff@x>", b"<a\r\n b@c>"),
    b"Date": (
        b"Mon, 23 Nov 2026 10:15:00 +0200", b"23 Nov 26 10:15 EET", b"2026-11-23T10:15:00Z", b"yesterday",
        b"Mon, 99 Foo 99999 99:99:99 +9999", b"Mon, 23 Nov 2026 10:15:00 +020000000000", b"",
    ),
    b"MIME-Version": (b"1.0",),
}  # fmt: skip

RARE = (
    b"Received: from a (a [192.0.2.1])\r\n\tby b (x) with ESMTPS id 1\r\n\tfor <c@d>; Mon, 23 Nov 2026 10:15:00 +0200",
    b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s; h=from:to;\r\n bh=AAAA;\r\n b=" + b"BBBBBBBBBBBBBBBB\r\n " * 19 + b"BB==",
    b"Authentication-Results: mx.example.org; dmarc=pass header.from=example.org",
    b"In-Reply-To: <0@example.org>", b"References: <a@b>\r\n <c@d>\r\n\t<0@example.org>", b"References: " + b"<a@b> " * 150,
    b"In-Reply-To: Your message of Monday <x@y>", b"References: <\xe4@b>", b"Thread-Index: AdABAAAAAAAAAAAAAAAAAAAAAAAAAA==",
    b"Thread-Index: \xff", b"Thread-Topic: Hiljainen tieto", b"Content-Language: fi-FI", b"Auto-Submitted: auto-replied",
    b"Auto-Submitted: no", b"Precedence: bulk", b"List-Id: V <viestijat.lists.example.org>", b"X-Parvi-Loop: lists.example.org",
    b"X-Autoreply: yes", b"X-Failed-Recipients: a@example.org, b@example.org", b"Return-Path: <>", b"Cc: B <b@example.org>",
    b"X: " + b"y" * 3_000, b"no colon here",
    b" begins with a fold", b"From nobody Mon Nov 23 10:15:00 2026", b"Bad Name: x", b": nothing", b"X-\xc3\xa4: x", b"\t",
    b"Subject: toinen otsikko", b"From: other@example.org", b"X-MS-Exchange-Inbox-Rules-Loop: a@b.c",
)  # fmt: skip

CHARSETS = ("utf-8", "iso-8859-1", "windows-1252", "us-ascii", "utf-16", "utf-7", "iso-2022-jp", "gb2312", "hz", "koi8-r", "bogus",
            "punycode", "", '"utf-8', "cp65001", "base64", "utf-8-sig", "iso-8859-15", "big5")  # fmt: skip

STATUS = (
    b"Reporting-MTA: dns; mx.example.net\r\n\r\nFinal-Recipient: rfc822; anna@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n",
    b"Reporting-MTA: dns; mx\r\n\r\nOriginal-Recipient: rfc822;<a@example.org>\r\nAction: delayed\r\nStatus: 4.4.1\r\n\r\n" * 3,
    b"Action: failed\r\nFinal-Recipient: \xff; @\r\n",
    b"Final-Recipient: rfc822;\r\n ;\r\nAction: (\r\nDiagnostic-Code: smtp; 550 5.7.1 no",
)  # fmt: skip
SAID_BY_SERVERS = (
    "This is the mail system at host mx.example.net.\n\n<anna@example.org>: host mx said: 550 5.1.1 unknown\n",
    "Hi. This is the qmail-send program.\n\n<a@example.org>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n"
    "--- Below this line is a copy\n",
    "<a@example.org>: will be retried for 5 days\n",
)
CALENDAR = (
    b"BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\nUID:1@x\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:anna@example.org\r\n"
    b"END:VEVENT\r\nEND:VCALENDAR\r\n"
)
# Signature, key, one attribute with a text, one file without its data.
TNEF = (
    b'x\x9f>"\x01\x00' + b"\x01\x07\x90\x06\x00\x08\x00\x00\x00\xe4\x04\x00\x00\x00\x00\x00\x00\xe8\x00"
    b"\x01\x0c\x80\x02\x00\x05\x00\x00\x00Hei!\x00\x00\x00" + b"\x02\x02\x90\x06\x00\x02\x00\x00\x00\x00\x00\x00\x00"
    b"\x02\x10\x80\x01\x00\x06\x00\x00\x00a.txt\x00\x00\x00" + b"\x02\x0f\x80\x06\x00\x03\x00\x00\x00abc\x00\x00"
)  # fmt: skip

HOSTILE = (
    b"\0", b"\r", b"\n", b"\r\n\r\n", b"\xff\xfe", b"\xef\xbb\xbf", b"--", b"--b1\r\n", b"--b1--\r\n", b"\r\n--", b"=?utf-8?q?", b"?=",
    b"=", b"=\r\n", b"> ", b">>>>", b"<blockquote>", b"</div>", b"<", b"&#", b"<!--", b"<table><tr><td>", b"<pre>", b"wrote:\n", b"On\n",
    b"-- \n", b"_______________\n", b"From: a@b.c\n", b"From: ", b"L\xc3\xa4hett\xc3\xa4j\xc3\xa4: ", b"Terveisin\n", b" ", b"\t",
    b"\xc2\xa0", b"\xe2\x80\xa8", b"\x1c", b"\x85", b"\xed\xa0\x80", b"a@", b"@", b"<a@b.c>", b",", b";", b":", b'"', b"(", b"\\", b"%",
    b"1.1.2026 10:00 ", b"http://", b"/p/1\n",
    b"Content-Type: multipart/mixed; boundary=b1\r\n\r\n--b1\r\n", b"Content-Type: message/rfc822\r\n\r\n", b"Re: ", b"[x] ",
    b"AAAA", b"+AOQ-",
    b"\x1b$B", b"~{", b"~", b"begin 644 x\n", b"M" + b"A" * 60 + b"\n", b"filename*0*=utf-8''%", b"<a href=", b"<div id=divRplyFwdMsg>",
)  # fmt: skip
