"""The provisions of the metropolitan-area decision that alarms and reports serve."""

from enum import StrEnum


class Provision(StrEnum):
    """Article numbers of the decision of the Standing Committee of the Jilin Provincial People's Congress on
    accelerating the Changchun modern metropolitan area (关于加快推进长春现代化都市圈建设的决定)."""

    P4_1 = "P4.1"
    P6_1 = "P6.1"
    P6_2 = "P6.2"
    P6_3 = "P6.3"
    P6_4 = "P6.4"
    P6_5 = "P6.5"
    P6_6 = "P6.6"
    P11_1 = "P11.1"
    P11_2 = "P11.2"
    P14_1 = "P14.1"


WORDS: dict[Provision, str] = {
    Provision.P4_1: "打通跨行政区断头路，推动交界地带……政务服务等方面先行一步",
    Provision.P6_1: "大力推进基础设施生命线安全工程",
    Provision.P6_2: "加快地下管网更新改造",
    Provision.P6_3: "加强“平急两用”公共基础设施建设",
    Provision.P6_4: "构建总量充足、布局合理的应急避难场所体系",
    Provision.P6_5: "全面提升城市应对洪涝灾害和非常态灾害冲击的能力",
    Provision.P6_6: "加快政务数据互联互通",
    Provision.P11_1: "打造智能化城市运行管理服务平台，提升城市智慧治理水平",
    Provision.P11_2: "充分借鉴国际寒地城市规划设计理念",
    Provision.P14_1: "建立完善规划实施全过程监督机制",
}
"""The decision's own words."""
