from typing import List, Optional, Union, NewType
Id = NewType("Id", str)
Alias = Optional[List[Id]]
async def flow(a: Alias, b: "Union[int, None]", c: "dict[str, Id]") -> Optional[int]:
    "use workflow"
    return a
