"""
Resolves names when told to: "NAME TIMES" is answered with the nanoseconds that the calls took, as Python saw them; "-" is no
name at all. The line "ready" comes first.
"""
import os
import socket
from time import perf_counter_ns

os.write(1, b"ready\n")
while True:
    word, *arguments = os.read(0, 1000).decode().split()
    if not arguments:
        break
    name = None if word == "-" else word
    spent = 0
    for _ in range(int(arguments[0])):
        begin = perf_counter_ns()
        try:
            socket.getaddrinfo(name, 80)
        except socket.gaierror:
            pass
        spent += perf_counter_ns() - begin
    os.write(1, b"%d\n" % spent)
