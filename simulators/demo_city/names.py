"""Invented names of roads, schools and halls; Chinese first. They are not meant to be any real place's."""

from lifeline.asset import Name

ROADS = (
    Name("云杉路", "Yunshan Road"),
    Name("白桦街", "Baihua Street"),
    Name("槐荫路", "Huaiyin Road"),
    Name("银杏街", "Yinxing Street"),
    Name("丁香路", "Dingxiang Road"),
    Name("水曲柳路", "Shuiquliu Road"),
    Name("黄檗街", "Huangbo Street"),
    Name("红松路", "Hongsong Road"),
    Name("山楂街", "Shanzha Street"),
    Name("榆荫路", "Yuyin Road"),
    Name("落叶松街", "Luoyesong Street"),
    Name("连翘路", "Lianqiao Road"),
)
UNDERPASS = Name("下穿桥", "underpass")
LOW_ROAD = Name("低洼路段", "low stretch")

SHELTERS = (
    (Name("云杉小学操场", "Yunshan Primary School playground"), "emergency", 5200.0, 1.0, False),
    (Name("白桦中学体育馆", "Baihua Middle School gymnasium"), "short", 2400.0, 2.0, True),
    (Name("槐荫公园", "Huaiyin Park"), "emergency", 16000.0, 1.5, False),
    (Name("银杏社区中心", "Yinxing Community Centre"), "short", 1500.0, 2.0, True),
    (Name("丁香文化馆", "Dingxiang Culture Hall"), "short", 2100.0, 2.0, True),
    (Name("水曲柳体育场", "Shuiquliu Stadium"), "long", 21000.0, 3.0, False),
    (Name("黄檗会展厅", "Huangbo Exhibition Hall"), "long", 9800.0, 4.0, True),
    (Name("红松小学体育馆", "Hongsong Primary School gymnasium"), "short", 1200.0, 2.0, True),
    (Name("山楂广场", "Shanzha Square"), "emergency", 7400.0, 1.0, False),
    (Name("榆荫宾馆", "Yuyin Hotel"), "long", 3600.0, 4.5, True),
    (Name("落叶松中学操场", "Luoyesong Middle School playground"), "emergency", 6100.0, 1.0, False),
    (Name("连翘老年大学", "Lianqiao Senior College"), "short", 1700.0, 2.5, True),
)
"""Name, grade, area in m2, area per person in m2, heated."""

CREWS = (
    (Name("供水抢修一队", "Water repair crew 1"), ("leak", "valve")),
    (Name("排水抢险一队", "Drainage crew 1"), ("flood", "pump")),
    (Name("供水抢修二队", "Water repair crew 2"), ("leak", "valve", "heating")),
    (Name("排水抢险二队", "Drainage crew 2"), ("flood", "pump", "valve")),
    (Name("综合应急队", "General emergency crew"), ("leak", "flood", "pump", "gas")),
)
"""Name and skills; a city with fewer crews takes the first ones."""
