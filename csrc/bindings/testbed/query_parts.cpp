// Parts of the evaluator of queries by themselves: arithmetic of decimals, wildcards, case folding.
#include <pybind11/pybind11.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/decimal.hpp"
#include "bindings/testbed/bind.hpp"
#include "query/strings/fold.hpp"
#include "query/strings/like.hpp"
#include "query/values/decimal_math.hpp"

namespace py = pybind11;

namespace realmsync::bindings::testbed {

namespace {

Decimal128 decimal(std::string_view text) {
    const std::optional<Decimal128> value = parse_decimal(text);
    if (!value)
        throw std::invalid_argument("no decimal128: " + std::string(text));
    return *value;
}

std::string calculate(char op, std::string_view left, std::string_view right) {
    const Decimal128 a = decimal(left), b = decimal(right);
    switch (op) {
    case '+': return format_decimal(query::add(a, b));
    case '-': return format_decimal(query::subtract(a, b));
    case '*': return format_decimal(query::multiply(a, b));
    case '/': return format_decimal(query::divide(a, b));
    default: throw std::invalid_argument("no operation");
    }
}

} // namespace

void bind_query_parts(py::module_& m) {
    m.def("calculate_decimals", calculate, py::arg("op"), py::arg("left"), py::arg("right"));
    m.def(
        "compare_decimals",
        [](std::string_view left, std::string_view right) {
            return query::compare(decimal(left), decimal(right));
        },
        py::arg("left"), py::arg("right"));
    m.def(
        "double_to_decimal", [](double value) { return format_decimal(query::to_decimal(value)); },
        py::arg("value"));
    m.def(
        "float_to_decimal",
        [](double value) { return format_decimal(query::to_decimal(static_cast<float>(value))); },
        py::arg("value"));
    m.def(
        "is_like",
        [](std::string_view text, std::string_view pattern, bool ignore_case) {
            query::Work work;
            return ignore_case ? query::is_like_folded(text, query::fold(pattern), work)
                               : query::is_like(text, pattern, work);
        },
        py::arg("text"), py::arg("pattern"), py::arg("ignore_case") = false);
    m.def(
        "fold", [](std::string_view text) { return py::bytes(query::fold(text)); },
        py::arg("text"));
}

} // namespace realmsync::bindings::testbed
