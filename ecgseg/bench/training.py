"""How fast a network trains, and how long it waits for the pictures it learns from."""

from time import perf_counter

from ecgseg.bench.nets import waiter


def training_rate(steps: int, device: str, overrides: tuple[str, ...] = ()) -> dict[str, float]:
    """Train for some steps; return crops/s, the share of time spent waiting for data, and seconds of a step.

    The first step, in which the loader's processes start, is not counted. bf16 on a GPU, as training does.
    """
    import torch
    from omegaconf import OmegaConf

    from ecgseg.nets.fit import build_data, build_system
    from ecgseg.overrides import compose

    cfg = OmegaConf.create(compose("train", list(overrides)))
    data, system = build_data(cfg), build_system(cfg).to(device).train()
    system.log_dict = lambda *_, **__: None  # there is no trainer that would take it
    data.setup()
    optimizer = torch.optim.AdamW(system.parameters(), lr=float(cfg.model.lr))
    wait, batches, waited, worked, crops = waiter(device), iter(data._loader(data.train_set, None)), 0.0, 0.0, 0
    for step in range(steps + 1):
        start = perf_counter()
        batch = {k: v.to(device, non_blocking=True) for k, v in next(batches).items()}
        got = perf_counter()
        with torch.autocast(device.split(":")[0], torch.bfloat16, enabled=device.startswith("cuda")):
            loss = system.training_step(batch, step)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        wait()
        if step:
            waited, worked, crops = waited + got - start, worked + perf_counter() - got, crops + len(batch["image"])
    total = waited + worked
    return {"crops_per_s": crops / total, "waiting": waited / total, "step_s": worked / steps}
