"""An engine that shows, without a clock, that pages are asked for at the same time."""

import asyncio

from qwen_ocr_loader import FakeEngine


class Together(FakeEngine):
    """Answers no page before it has been asked for so many."""

    def __init__(self, count):
        super().__init__()
        vars(self).update(count=count)

    async def aread(self, scan, tasks):
        result = await super().aread(scan, tasks)
        async with asyncio.timeout(20):
            while len(self.calls) < self.count:
                await asyncio.sleep(0.001)
        return result
