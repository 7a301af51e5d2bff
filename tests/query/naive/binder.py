"""Comparisons bound to a schema: which are refused, what becomes of the others (8 to 18).

Sections are those of query-language.md.
"""

from __future__ import annotations

from query.naive import describing, fulltext, geo, syntax, wording
from query.naive.comparing import ORDER, Comparison, equal
from query.naive.constants import Constants
from query.naive.counting import Aggregate, Arithmetic, Lengths, Size, Subquery, TypeOf, compute
from query.naive.dataset import Dataset
from query.naive.describing import (
    MERGED,
    Direct,
    Group,
    Membership,
    Node,
    Opposite,
    Search,
    Truth,
    Within,
)
from query.naive.errors import Refused, invalid, invalid_argument
from query.naive.operands import Constant, ConstantList, Keys, LinkPath, Operand, PropertyPath
from query.naive.paths import Mapping, Paths, Scope
from query.naive.values import NUMBERS, Link, Value, kind
from query.naive.wording import constant

STRINGY = ("string", "binary", "mixed")
SHOWN = {"=": "=", "in": "in"}


def comparable_types(a: str, b: str) -> bool:
    """What may be compared by type (8.1)."""
    numeric = (*NUMBERS, "mixed")
    return (
        a == b
        or "mixed" in (a, b)
        or (a in numeric and b in numeric)
        or {a, b} == {"link", "typedLink"}
    )


class Binder:
    """Binds one query's comparisons."""

    def __init__(self, data: Dataset, arguments: list[Value], mapping: Mapping) -> None:
        self.data = data
        self.constants = Constants(data, arguments)
        self.paths = Paths(data, self.constants, mapping)

    def query(self, node: syntax.Query, scope: Scope) -> Node:
        """A query below NOT or SUBQUERY, or a member of a chain: nests stay as they are."""
        if isinstance(node, syntax.Always):
            return Truth(node.value)
        if isinstance(node, syntax.Not):
            return Opposite(self.query(node.child, scope))
        if isinstance(node, syntax.Within):
            return self.within(node, scope)
        if isinstance(node, syntax.Comparison):
            return self.comparison(node, scope)
        chain: list[syntax.Query] = []  # t1 op t2 op ... leans to the left
        link: syntax.Query = node
        while isinstance(link, syntax.Logical) and link.operator == node.operator:
            chain.append(link.children[1])
            link = link.children[0]
        result = self.query(link, scope)
        for child in reversed(chain):
            result = Group(node.operator, [result, self.query(child, scope)])
        return result

    def top(self, node: syntax.Query, scope: Scope) -> Node:
        """The outermost query: nests of the same operator become one, in the order of 19.1."""
        if not isinstance(node, syntax.Logical):
            return self.query(node, scope)
        children = list(node.children)
        at = 0
        while at < len(children):
            child = children[at]
            if isinstance(child, syntax.Logical) and child.operator == node.operator:
                del children[at]
                children += child.children
            else:
                at += 1
        return Group(node.operator, [self.top(child, scope) for child in children])

    def operand(self, node: syntax.Operand, scope: Scope, hint: str = "") -> Operand:
        """Any operand; `hint` is the type of the other side."""
        if isinstance(node, syntax.Literal):
            return self.constants.bind(node, hint)
        if isinstance(node, syntax.Listing):
            return self.constants.listing(node, hint)
        if isinstance(node, syntax.Property):
            return self.paths.property(node, scope)
        if isinstance(node, syntax.Aggregate):
            return self.paths.aggregate(node, scope)
        if isinstance(node, syntax.Subquery):
            return self.subquery(node, scope)
        return self.arithmetic(node, scope, hint)

    def arithmetic(self, node: syntax.Arithmetic, scope: Scope, hint: str) -> Operand:
        """`+ - * /` (12)."""
        if is_constant(node.left) and is_constant(node.right):
            left, right = (self.operand(n, scope, hint) for n in (node.left, node.right))
        elif is_constant(node.right):
            left = self.operand(node.left, scope)
            right = self.operand(node.right, scope, left.type)
        else:
            right = self.operand(node.right, scope)
            left = self.operand(node.left, scope, right.type if is_constant(node.left) else "")
        if (
            isinstance(left, Constant)
            and isinstance(right, Constant)
            and left.type != "@type" != right.type
        ):
            value = compute(node.operator, left.value, right.value, "mixed")
            return Constant(value, "null" if value is None else "mixed")
        if left.type not in (*NUMBERS, "mixed") or right.type not in (*NUMBERS, "mixed"):
            a, b = left.text(""), right.text("")
            raise invalid_argument(f"Cannot perform '{node.operator}' operation on '{a}' and '{b}'")
        if is_several(left) and is_several(right):
            raise invalid("Operations involving two lists are not supported")
        return Arithmetic(node.operator, left, right)

    def subquery(self, node: syntax.Subquery, scope: Scope) -> Operand:
        """SUBQUERY (14)."""
        variable = node.variable
        if not variable.startswith("$") or len(variable) < 2:
            raise Refused(
                "SyntaxError",
                f"The subquery variable '{variable}' is invalid. "
                "The variable must start with '$' and cannot be empty; for example '$x'.",
            )
        path = self.paths.path(syntax.Property(node.path, None, None), scope)
        last_name = wording.element(self.paths.elements(node.path)[-1])
        entry = isinstance(path, PropertyPath) and path.prop.type == "link"
        if isinstance(path, PropertyPath) and entry:
            raise no_list(wording.element(path.inner[-1]), "link")
        if isinstance(path, PropertyPath | Keys | Lengths):
            name = path.prop.name if not isinstance(path, Lengths) else "length"
            if isinstance(path, PropertyPath) and path.prop.collection:
                raise invalid(
                    f"A subquery can not operate on a list of primitive values (property '{name}')"
                )
            raise no_list(name, path.type)
        assert isinstance(path, LinkPath)
        last = path.route.steps[-1]
        if not last.origin and last.prop.collection != "list":
            raise no_list(last_name, "link")
        owner = self.paths.target(path.route, scope)
        if variable in owner.properties or (owner.name, variable) in scope.variables:
            raise invalid(
                f"Unable to create a subquery expression with variable '{variable}' "
                "since an identical variable already exists in this context"
            )
        name = describing.variable(scope.printed, self.data)
        inner = Scope(owner, (*scope.variables, (owner.name, variable)), (*scope.printed, name))
        query = self.query(node.query, inner)
        return Subquery(path.route, query.matches, query.text, name)

    def comparison(self, node: syntax.Comparison, scope: Scope) -> Node:
        """Bind both sides in the order that lets a property tell a constant its type (5.4)."""
        if node.operator == "between":
            return self.between(node, scope)
        constants = is_constant(node.left), is_constant(node.right)
        if all(constants):
            raise invalid("Cannot compare two constants")
        if constants[1]:
            left = self.operand(node.left, scope)
            right = self.operand(node.right, scope, left.type)
            self.check_shapes(left, right)
        else:
            right = self.operand(node.right, scope)
            left = self.operand(node.left, scope, right.type if constants[0] else "")
            self.check_shapes(right, left)
        if node.operator in ORDER:
            return self.relation(node.operator, left, right)
        if node.operator in ("=", "!=", "in"):
            return self.equality(node.operator, left, right, node.fold)
        return self.string_operator(node.operator, left, right, node.fold)

    def check_shapes(self, left: Operand, right: Operand) -> None:
        """What no operator takes (11.2, 9, 11.6)."""
        both = f"('{left.text('')}' and '{right.text('')}')"
        if is_primitive_list(left) and is_primitive_list(right):
            raise invalid(
                f"Ordered comparison between two primitive lists is not implemented yet {both}"
            )
        if left.constant and right.constant and left.type == right.type:
            raise invalid(f"Comparison between two constants is not supported {both}")
        null = isinstance(right, Constant) and right.value is None
        null = null or (isinstance(right, ConstantList) and right.values == [None])
        if isinstance(left, LinkPath) and left.multi and null:
            raise invalid(f"Cannot compare linklist ('{left.text('')}') with NULL")

    def relation(self, operator: str, left: Operand, right: Operand) -> Node:
        """`< <= > >=` (10.1)."""
        linked = left.type == "typedLink" and right.type == "link"
        if left.type in ("link", "@type") or linked:
            raise invalid(
                f"Unsupported operator {operator} in query. "
                "Only equal (==) and not equal (!=) are supported for this type."
            )
        nulls = any(isinstance(o, Constant) and o.value is None for o in (left, right))
        if not nulls and not comparable_types(left.type, right.type):
            raise mismatch(left, right)
        right = only_member(left, right)
        direct = is_direct(left, right)
        return Direct(Comparison(operator, left, right, False, direct), direct)

    def equality(self, operator: str, left: Operand, right: Operand, folded: bool) -> Node:
        """`== != IN` (10.1, 10.3)."""
        right = self.link_constant(left, right)
        left = self.link_constant(right, left)
        null = any(isinstance(o, Constant) and o.type == "null" for o in (left, right))
        if not null and not comparable_types(left.type, right.type):
            if left.type == "link" and isinstance(right, Constant) and right.type != "@type":
                raise invalid(
                    f"Unsupported comparison between '{left.text('')}' and type '{right.type}'"
                )
            if "@type" not in (left.type, right.type):
                raise mismatch(left, right)
        lists = isinstance(left, ConstantList) or isinstance(right, ConstantList)
        if (left.type == "@type") != (right.type == "@type") and not lists:
            raise invalid_argument(
                "Unsupported comparison between @type and raw value: "
                f"'{left.type}' and '{right.type}'"
            )
        if operator == "in" and not holds_several(right):
            raise invalid_argument(
                f"The keypath following 'IN' must contain a list. Found '{right.text('')}'"
            )
        if isinstance(right, ConstantList):
            special = self.against_list(operator, left, right, folded)
            if special:
                return special
        direct = is_direct(left, right)
        if not direct and folded:
            check_strings(right, f"{SHOWN.get(operator, operator)}[c]")
        return Direct(Comparison(operator, left, right, folded, direct), direct)

    def against_list(
        self, operator: str, left: Operand, right: ConstantList, folded: bool
    ) -> Node | None:
        """A direct column and a list constant (10.3, 11.2); None for the general case."""
        single = only_member(left, right)
        if isinstance(single, Constant):
            return Direct(Comparison(operator, left, single, folded, True), True)
        if right.quantifier not in (None, "ANY"):
            return None
        if isinstance(left, LinkPath) and left.direct and left.quantifier in (None, "ANY"):
            if operator in ("=", "!=") or not left.multi:
                return Direct(
                    Comparison(
                        operator,
                        left,
                        ConstantList(right.values, "ANY"),
                        False,
                        direct=operator != "in" and len(right.values) == 1,
                    ),
                    False,
                    tight=operator != "in",
                )
            return None
        if not isinstance(left, PropertyPath) or not left.direct:
            return None
        if left.prop.type == "mixed":
            return None
        if operator == "!=" or not right.values:
            return None
        usable: list[Value] = []
        for v in right.values:
            fits = v is None or kind(v) == left.prop.type
            known = left.prop.type in MERGED and any(equal(v, w, False) for w in usable)
            if fits and not known:
                usable.append(v)
        return Membership(left, usable)

    def link_constant(self, left: Operand, right: Operand) -> Operand:
        """`obj(..)` beside a link becomes the object, which has to be of its class (8.1)."""
        if left.type != "link" or not isinstance(left, LinkPath):
            return right
        last = left.route.steps[-1]
        target = last.owner if last.origin else last.prop.target

        def plain(value: Value) -> Value:
            if not isinstance(value, Link):
                return value
            if value.class_name != target:
                path = left.route.text("", False)
                raise invalid_argument(
                    f"The relationship '{path}' which links to type '{target}' cannot be "
                    f"compared to an argument of type '{value.class_name}' "
                    f"with primary key '{constant(value.pk)}'"
                )
            return value.target

        if isinstance(right, Constant) and isinstance(right.value, Link):
            return Constant(plain(right.value), "link" if right.value.target else "null")
        if isinstance(right, ConstantList):
            return ConstantList([plain(v) for v in right.values], right.quantifier)
        return right

    def string_operator(self, operator: str, left: Operand, right: Operand, folded: bool) -> Node:
        """BEGINSWITH, ENDSWITH, CONTAINS, LIKE, TEXT (10.4, 10.7)."""
        if operator == "text":
            return self.search(left, right)
        check_strings(right, operator + ("[c]" if folded else ""))
        direct = is_direct(left, right)
        return Direct(Comparison(operator, left, right, folded, direct), direct)

    def search(self, left: Operand, right: Operand) -> Node:
        """TEXT."""
        check_strings(right, "text")
        if not isinstance(left, PropertyPath) or not left.prop.fulltext:
            raise Refused("IllegalOperation", "Column has no fulltext index")
        if not isinstance(right, Constant) or right.type != "string":
            raise invalid("TEXT needs a string")
        return Search(left, right, fulltext.compile_terms(right.value))

    def between(self, node: syntax.Comparison, scope: Scope) -> Node:
        """BETWEEN (10.2)."""
        bounds = node.right
        assert isinstance(bounds, syntax.Listing)
        if len(bounds.members) != 2:
            raise invalid("Operator 'BETWEEN' requires list with 2 elements.")
        if not is_constant(node.left):
            left = self.operand(node.left, scope)
            listed = isinstance(left, PropertyPath) and left.prop.collection is not None
            if listed and left.quantifier != "ALL":
                raise invalid("Only 'ALL' supported for operator 'BETWEEN' when applied to lists.")
            whole = isinstance(left, PropertyPath) and left.direct
            if whole and left.type in ("int", "timestamp"):
                for bound in [self.constants.bind(b, left.type) for b in bounds.members]:
                    if bound.type != left.type:
                        raise mismatch(left, bound)
        low, high = (
            self.comparison(syntax.Comparison(operator, node.left, bound), scope)
            for operator, bound in zip((">=", "<="), bounds.members, strict=True)
        )
        assert isinstance(low, Direct) and isinstance(high, Direct)
        column = low.comparison.left
        whole = isinstance(column, PropertyPath) and column.direct
        if whole and column.type in ("int", "timestamp"):
            assert isinstance(column, PropertyPath)
            return describing.Between(column, low, high)
        return Group("and", [low, high])

    def within(self, node: syntax.Within, scope: Scope) -> Node:
        """GEOWITHIN (16)."""
        left = self.paths.property(node.left, scope)
        region = geo.region(node.region, self.constants)
        if left.type != "link" or not isinstance(left, LinkPath):
            raise invalid(
                "The left hand side of 'geoWithin' must be a link to geoJSON formatted data. "
                f"But the provided type is '{left.type}'"
            )
        within = Within(left, region)
        owner = self.paths.target(left.route, scope)
        if not geo.suits(owner):
            raise Refused(
                "std::runtime_error",
                f"Query '{within.text('')}' links to data in the wrong format "
                "for a geoWithin query",
            )
        return within


def only_member(left: Operand, right: Operand) -> Operand:
    """The element of a list of one, beside a direct mixed column (11.2); else the side as it is."""
    mixed = isinstance(left, PropertyPath) and left.direct and left.prop.type == "mixed"
    if mixed and isinstance(right, ConstantList) and len(right.values) == 1:
        return Constant(right.values[0], kind(right.values[0]))
    return right


def is_primitive_list(operand: Operand) -> bool:
    """A collection of values that are no links, or an element of one."""
    return isinstance(operand, PropertyPath) and operand.prop.collection is not None


def is_several(operand: Operand) -> bool:
    """What is a list by its type: an entry of a dictionary too (12)."""
    if isinstance(operand, Arithmetic):
        return is_several(operand.left) or is_several(operand.right)
    return operand.multi or (isinstance(operand, PropertyPath) and operand.listed)


def holds_several(operand: Operand) -> bool:
    """What may stand behind IN (10.3): neither sizes and aggregates nor `@keys`."""
    if isinstance(operand, Keys | Size | Aggregate | TypeOf):
        return False
    return operand.multi or (isinstance(operand, PropertyPath) and operand.listed)


def no_list(name: str, type_name: str) -> Refused:
    """A subquery over what is no list of objects."""
    return invalid(
        f"A subquery must operate on a list property, but '{name}' is type '{type_name}'"
    )


def is_constant(node: syntax.Operand) -> bool:
    """Literals, lists, and arithmetic of them."""
    if isinstance(node, syntax.Arithmetic):
        return is_constant(node.left) and is_constant(node.right)
    return isinstance(node, syntax.Literal | syntax.Listing)


def is_direct(left: Operand, right: Operand) -> bool:
    """A column against one constant of its type, or a mixed column against any (8.3, 9)."""
    if not isinstance(right, Constant) or right.type == "@type":
        return False
    if isinstance(left, LinkPath):
        return left.direct and left.quantifier in (None, "ANY") and right.type in ("link", "null")
    return isinstance(left, PropertyPath) and left.direct and left.type in (right.type, "mixed")


def check_strings(right: Operand, operator: str) -> None:
    """The right side of a string operator (10.4)."""
    if right.type not in STRINGY:
        raise invalid(
            f"Unsupported comparison operator '{operator}' against type '{right.type}', "
            "right side must be a string or binary type"
        )


def mismatch(left: Operand, right: Operand) -> Refused:
    """Two types that cannot be compared."""
    return invalid(f"Unsupported comparison between type '{left.type}' and type '{right.type}'")
