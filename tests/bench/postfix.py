"""A Postfix of the bench's own that relays everything to the sink. Needs root and Debian's postfix
(its daemon need not run)."""
import os
import subprocess
import time

import bench
from bench import pt

import mail_servers

MAIN = """
relayhost = [127.0.0.1]:{sink}
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
default_process_limit = 100
default_destination_concurrency_limit = 20
initial_destination_concurrency = 20
smtp_destination_concurrency_limit = 20
"""


class Postfix(mail_servers.Postfix):
    def __init__(self, folder, sink, own_port):
        super().__init__(folder, MAIN.replace("{sink}", str(sink.port)), own_port)


def smtp_source(port, count):
    """Start smtp-source, 20 sessions kept open."""
    return subprocess.Popen(["/usr/sbin/smtp-source", "-d", "-s", "20", "-m", str(count), "-l",
                             str(bench.OCTETS), "-f", "news@mail.acme.example", "-t",
                             "user@example.com", "127.0.0.1:%d" % port])


def wait_source(process):
    """(CPU microseconds) of an smtp-source that has ended well."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise AssertionError("smtp-source failed")
    return int((usage.ru_utime + usage.ru_stime) * 1e6), usage.ru_maxrss


def wait_messages(sink, count, timeout):
    """Until the sink has taken so many; returns (seconds since the call, its totals)."""
    begin = time.monotonic()
    totals = {}

    def there():
        totals.update(sink.totals())
        return totals["messages"] >= count
    pt.wait_until(there, "%d messages in the sink" % count, timeout, 0.05)
    return time.monotonic() - begin, totals
