"""Sends mail by smtplib: smtp_client.py PORT CA.pem, with a message on the standard input. Prints the replies as JSON."""

import json
import smtplib
import ssl
import sys

port, ca = sys.argv[1:]
content = sys.stdin.buffer.read()
replies = {}


def reply(pair):
    return [pair[0], pair[1].decode()]


def over_limit(smtp, size):
    """The error of a message, whose size is sent beforehand."""
    try:
        smtp.sendmail("big@example.org", ["one@example.org"], b"x" * size)
    except smtplib.SMTPSenderRefused as error:
        return [error.smtp_code, error.smtp_error.decode()]


with smtplib.SMTP("127.0.0.1", int(port), local_hostname="client.example", timeout=15) as smtp:
    replies["ehlo"] = reply(smtp.ehlo())
    smtp.starttls(context=ssl.create_default_context(cafile=ca))
    replies["ehlo over TLS"] = reply(smtp.ehlo())
    replies["refused"] = smtp.sendmail("from@example.org", ["one@example.org", "two@example.org"], content)
    replies["size"] = over_limit(smtp, 1_048_577)
    smtp.mail("big@example.org")
    smtp.rcpt("one@example.org")
    replies["data"] = reply(smtp.data(b"%s\r\n" % (b"y" * 98) * 10_486))
    replies["sender"] = reply(smtp.rcpt("one@example.org"))
    smtp.mail("from@example.org")
    replies["rset"] = reply(smtp.rset())
    replies["noop"] = reply(smtp.noop())
    smtp.mail("from@example.org")
    smtp.rcpt("three@example.org")
    replies["empty"] = reply(smtp.data(b""))
    replies["quit"] = reply(smtp.quit())
print(json.dumps(replies))
