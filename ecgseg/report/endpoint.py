"""An OpenAI-compatible endpoint (a server on this machine, or a company's): off unless `report.endpoint` names one."""

import json
import os
import sys
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from ecgseg.report.errors import ReportError


class Endpoint:
    """Answers chats by POST to <endpoint>/chat/completions."""

    def __init__(self, name: str, options: dict):
        """Take the model's name on the server and the options of configs/report/llm.yaml; says that data leaves."""
        self.name, self.options = name, options
        parts = urlsplit(options["endpoint"])
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ReportError(f"report.endpoint is '{options['endpoint']}'; expected http(s)://HOST[:PORT]/v1")
        self.url = options["endpoint"].rstrip("/") + "/chat/completions"
        self.revision = f"as served by {parts.hostname}"
        print(
            f"note: measurements leave this machine: they are sent to {parts.hostname} for the model '{name}' "
            "(no picture, no name, no sex or age)",
            file=sys.stderr,
        )

    def write(self, chats: list[list[dict[str, str]]]) -> list[str]:
        """Return the answer to each chat; raises ReportError if the server does not give one."""
        return [self._answer(chat) for chat in chats]

    def _answer(self, chat: list[dict[str, str]]) -> str:
        body = {
            "model": self.name,
            "messages": chat,
            "temperature": self.options["temperature"],
            "max_tokens": self.options["max_new_tokens"],
            "seed": self.options["seed"],
        }
        headers = {"Content-Type": "application/json"} | self._key()
        request = urllib.request.Request(self.url, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=self.options["timeout_s"]) as response:
                return str(json.load(response)["choices"][0]["message"]["content"]).strip()
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            raise ReportError(
                f"{self.url}: no answer of the model '{self.name}' ({error}); is it there, and is that its name?"
            ) from error

    def _key(self) -> dict[str, str]:
        name = self.options["api_key_env"]
        if not name:
            return {}
        if name not in os.environ:
            raise ReportError(f"report.api_key_env names the variable {name}, which is not set")
        return {"Authorization": f"Bearer {os.environ[name]}"}
