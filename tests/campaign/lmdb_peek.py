#!/usr/bin/python3
"""Looks into a consumer's store from another process, by liblmdb itself: lmdb_peek.py FOLDER dump TABLE | hold SECONDS

`dump` prints the table as a JSON object, keys and values as text. `hold` takes the writer's lock, as a disk that hangs
would: whoever wants to commit waits. Prints `held` once it has it.
"""

import ctypes
import json
import sys
import time

TABLES_MAX = 128
MDB_NOTLS, MDB_RDONLY, MDB_NEXT = 0x200000, 0x20000, 8


class Value(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("data", ctypes.c_void_p)]

    def text(self):
        return ctypes.string_at(self.data, self.size).decode()


class Store:
    def __init__(self, folder):
        self._library = ctypes.CDLL("liblmdb.so.0")
        self._library.mdb_strerror.restype = ctypes.c_char_p
        self._env = ctypes.c_void_p()
        self._call("env_create", ctypes.byref(self._env))
        self._call("env_set_maxdbs", self._env, TABLES_MAX)
        self._call("env_open", self._env, folder.encode(), MDB_NOTLS, 0o600)

    def _call(self, name, *arguments):
        code = getattr(self._library, f"mdb_{name}")(*arguments)
        if code != 0:
            raise OSError(f"{name}: {self._library.mdb_strerror(code).decode()}")

    def _begin(self, flags):
        transaction = ctypes.c_void_p()
        self._call("txn_begin", self._env, None, flags, ctypes.byref(transaction))
        return transaction

    def dump(self, table):
        transaction, database, cursor = self._begin(MDB_RDONLY), ctypes.c_uint(), ctypes.c_void_p()
        self._call("dbi_open", transaction, table.encode(), 0, ctypes.byref(database))
        self._call("cursor_open", transaction, database, ctypes.byref(cursor))
        entries, key, value = {}, Value(), Value()
        while self._library.mdb_cursor_get(cursor, ctypes.byref(key), ctypes.byref(value), MDB_NEXT) == 0:
            entries[key.text()] = value.text()
        self._library.mdb_cursor_close(cursor)
        self._library.mdb_txn_abort(transaction)
        return entries

    def hold(self, seconds):
        transaction = self._begin(0)
        print("held", flush=True)
        time.sleep(seconds)
        self._library.mdb_txn_abort(transaction)

    def close(self):
        self._library.mdb_env_close(self._env)


def main():
    folder, what, argument = sys.argv[1:]
    store = Store(folder)
    if what == "dump":
        print(json.dumps(store.dump(argument)))
    else:
        store.hold(float(argument))
    store.close()


if __name__ == "__main__":
    main()
