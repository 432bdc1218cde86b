"""Invented Chinese place names."""

import itertools

import numpy as np

_FIRST = (
    "梅福翠莲银金宝龙凤南北东西华景新安康和兴永长石沙白红青碧桂松竹兰"
    "荷枫柳榕樟橡杏桃李玉珠明光文德仁义瑞祥丰泰平宁清云星月晨"
)
_SECOND = "林田湖花湾岭岗塘溪桥园坪洲山河海城围洞坑水泉井埔墩角头尾浦港涌沥峰台屋村寮坂"
_ENLARGED = ("", "上", "下", "大", "小", "新", "老", "前", "后", "内", "外")


class Names:
    """An endless row of names, in an order that the seed decides; the first 26,000 or so are all different."""

    def __init__(self, rng: np.random.Generator) -> None:
        stems = [a + b for a in _FIRST for b in _SECOND]
        stems = [stems[i] for i in rng.permutation(len(stems))]
        self._row = itertools.cycle(prefix + stem for prefix in _ENLARGED for stem in stems)

    def take(self) -> str:
        return next(self._row)
