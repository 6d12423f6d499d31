#!/usr/bin/env python3
"""A text continued, from Python.

Usage: generate.py LIBRARY MODEL PROMPT COUNT [LOGITS]

Prints the likeliest COUNT tokens after PROMPT. LIBRARY is one with the interface of chordal.h; MODEL
is a file, or "-" for the program in the library. Writes the logits of each of the prompt's tokens to
the file LOGITS, as float32.
"""
import ctypes
import sys
from ctypes import POINTER, byref, c_char_p, c_float, c_int32, c_size_t, c_uint32, c_uint64, c_void_p

ADD_SPECIAL, PARSE_SPECIAL = 1, 2


class Info(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("name", c_char_p), ("architecture", c_char_p), ("isa", c_char_p),
                ("vocabulary", c_uint32), ("context", c_uint32), ("embedding", c_uint32),
                ("layers", c_uint32), ("weight_bytes", c_uint64), ("bos", c_int32), ("eos", c_int32),
                ("has_template", c_int32)]


class GenerateOptions(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("max_tokens", c_uint32), ("temperature", c_float),
                ("top_k", c_uint32), ("top_p", c_float), ("min_p", c_float),
                ("repeat_penalty", c_float), ("repeat_last_n", c_uint32), ("seed", c_uint64),
                ("stops", POINTER(c_char_p)), ("stop_count", c_size_t), ("ignore_eos", c_int32)]


class Token(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("id", c_int32), ("text", c_void_p), ("text_size", c_size_t)]


Callback = ctypes.CFUNCTYPE(c_int32, c_void_p, POINTER(Token))


class Chordal:
    """The functions of a library; one that fails raises RuntimeError."""

    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        self.library.chordal_last_error.restype = c_char_p

    def __getattr__(self, name):
        function = getattr(self.library, "chordal_" + name)

        def call(*arguments):
            if function(*arguments) != 0:
                raise RuntimeError(self.library.chordal_last_error().decode())
        return call


class Model:
    def __init__(self, library, path=None):
        self.library = library
        self.model, self.session = c_void_p(), c_void_p()
        library.open(path and path.encode(), None, byref(self.model))
        library.session_open(self.model, None, byref(self.session))
        self.info = Info(size=ctypes.sizeof(Info))
        library.get_info(self.model, byref(self.info))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.library.library.chordal_session_close(self.session)
        self.library.library.chordal_close(self.model)

    def tokenize(self, text):
        data = text.encode()
        # There are no more tokens than bytes, but for those that begin and end a text.
        tokens, count = (c_int32 * (len(data) + 8))(), c_size_t()
        self.library.tokenize(self.model, data, c_size_t(len(data)), ADD_SPECIAL | PARSE_SPECIAL,
                              tokens, c_size_t(len(tokens)), byref(count))
        return tokens[:count.value]

    def logits(self, tokens):
        """A flat array: a row of the vocabulary's size for each token."""
        rows = (c_float * (len(tokens) * self.info.vocabulary))()
        count = c_size_t(len(tokens))
        self.library.evaluate(self.session, (c_int32 * len(tokens))(*tokens), count, count, rows)
        self.library.session_truncate(self.session, c_size_t(0))
        return rows

    def generate(self, tokens, show, **options):
        """Calls show(bytes) for each piece of text, until it returns True."""
        def callback(_, token):
            text = ctypes.string_at(token.contents.text, token.contents.text_size)
            return 1 if show(text) else 0
        chosen = GenerateOptions()
        self.library.library.chordal_generate_defaults(byref(chosen),
                                                       c_size_t(ctypes.sizeof(chosen)))
        for name, value in options.items():
            setattr(chosen, name, value)
        self.library.generate(self.session, (c_int32 * len(tokens))(*tokens), c_size_t(len(tokens)),
                              byref(chosen), Callback(callback), None, None)


def main(library, model, prompt, count, logits=None):
    with Model(Chordal(library), None if model == "-" else model) as opened:
        tokens = opened.tokenize(prompt)
        if logits:
            with open(logits, "wb") as file:
                file.write(opened.logits(tokens))

        def show(text):
            sys.stdout.buffer.write(text)
            sys.stdout.buffer.flush()
        opened.generate(tokens, show, temperature=0, max_tokens=int(count))


if __name__ == "__main__":
    if len(sys.argv) not in (5, 6):
        sys.exit("usage: generate.py LIBRARY MODEL PROMPT COUNT [LOGITS]")
    main(*sys.argv[1:])
