"""HTTP in: shapes, routes. Rules live in `domain`, effects in `handlers`."""

TAGS = {
    "enterprises": "排污单位 / Enterprises",
    "permits": "排污许可证 / Permits",
    "points": "监测点 / Points",
    "regions": "区域 / Divisions",
    "calendar": "工作日历 / Working days",
    "imports": "导入 / Imports",
    "keys": "令牌 / Tokens and keys",
}
