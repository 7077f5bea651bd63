"""python -m ecgseg.report.train --model smollm2 --out tuned: tune a small model to word reports (LoRA, peft).

Pairs are made from simulated recordings and PTB's training patients: the chat of each statement, and the template's
sentence. The result is a folder that report.model= takes; the checker judges it like any other model.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from ecgseg.errors import EcgsegError
from ecgseg.overrides import compose
from ecgseg.report.errors import ReportError
from ecgseg.report.pairs import make_pairs, recordings, write_pairs

IGNORED = -100  # what transformers' loss leaves out


def tune(model, tokenizer, pairs: list[dict], steps: int, batch: int, rate: float, rank: int, seed: int = 0):
    """Return the model with LoRA layers tuned and merged, and the loss of each step; only answers are learnt.

    Raises ReportError where peft is not installed or the pairs are none.
    """
    import torch

    if not pairs:
        raise ReportError("there are no pairs to learn from; give --recordings or --ptb")
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise ReportError("tuning needs peft: pip install 'ecgseg[llm]'") from error
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    tuned = get_peft_model(model, config)
    parts = [p for p in tuned.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parts, lr=rate)
    examples = [encode(pair["messages"], tokenizer) for pair in pairs]
    losses = []
    tuned.train()
    for step in range(steps):
        chosen = [examples[k] for k in rng.choice(len(examples), min(batch, len(examples)), replace=False)]
        loss = tuned(**{k: v.to(model.device) for k, v in collate(chosen, tokenizer.pad_token_id).items()}).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parts, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
        print(f"step {step + 1} of {steps}: loss {losses[-1]:.3f}", file=sys.stderr)
    return tuned.merge_and_unload().eval(), losses


def encode(messages: list[dict], tokenizer) -> tuple[list[int], list[int]]:
    """Return the tokens of a chat and their labels, IGNORED for all but the last answer and its end."""
    asked = _text(messages[:-1], tokenizer)
    whole = asked + messages[-1]["content"] + (tokenizer.eos_token or "")
    first = tokenizer(asked, add_special_tokens=False)["input_ids"]
    tokens = tokenizer(whole, add_special_tokens=False)["input_ids"]
    return tokens, [IGNORED] * len(first) + tokens[len(first) :]


def collate(examples: list[tuple[list[int], list[int]]], pad: int) -> dict:
    """Return tokens, mask and labels of several chats, padded on the right, as tensors (chats, tokens)."""
    import torch

    longest = max(len(tokens) for tokens, _ in examples)
    rows = {"input_ids": pad, "labels": IGNORED, "attention_mask": 0}
    out = {k: torch.full((len(examples), longest), fill) for k, fill in rows.items()}
    for k, (tokens, labels) in enumerate(examples):
        out["input_ids"][k, : len(tokens)] = torch.tensor(tokens)
        out["labels"][k, : len(labels)] = torch.tensor(labels)
        out["attention_mask"][k, : len(tokens)] = 1
    return out


def _text(messages: list[dict], tokenizer) -> str:
    if tokenizer.chat_template:
        return tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    return "\n".join(m["content"] for m in messages) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ecgseg.report.train", description=__doc__.split("\n")[0])
    parser.add_argument("options", nargs="*", metavar="report.KEY=VALUE", help="device, bits … as in llm.yaml")
    parser.add_argument("--model", help="what to tune: a hub id, a folder, a .gguf file, smollm2")
    parser.add_argument("--out", type=Path, default=Path("tuned"), help="folder of the result (default tuned)")
    parser.add_argument("--recordings", type=int, default=330, help="simulated recordings (default 330, 10 a kind)")
    parser.add_argument("--ptb", help="PTB's training patients too: 'embedded' or the database's folder")
    parser.add_argument("--pairs-only", action="store_true", help="write pairs.jsonl to the folder and stop")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=2e-4, help="learning rate (default 2e-4, usual for LoRA)")
    parser.add_argument("--rank", type=int, default=16, help="rank of the LoRA layers (default 16)")
    args = parser.parse_args(argv)
    try:
        return _run(args)
    except EcgsegError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _run(args: argparse.Namespace) -> int:
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "pairs.jsonl"
    count = write_pairs(make_pairs(recordings(args.recordings, args.ptb)), path)
    print(f"{count} pairs in {path}")
    if args.pairs_only:
        return 0
    if not args.model:
        raise ReportError("name the model to tune with --model; or only make pairs with --pairs-only")
    from ecgseg.report.models import load_writers

    options = compose("report", ["report=llm", *args.options])["report"] | {"model": args.model, "endpoint": None}
    writer = load_writers(options)[0]
    pairs = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    model, losses = tune(writer.model, writer.tokenizer, pairs, args.steps, args.batch, args.rate, args.rank)
    model.save_pretrained(args.out)
    writer.tokenizer.save_pretrained(args.out)
    print(f"loss {losses[0]:.3f} at first, {losses[-1]:.3f} at last; use it with report.model={args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
