// Expressions of rules and what they are asked with, for realmsync.apps and the server.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>

#include "bindings/bind.hpp"
#include "bindings/rules/values.hpp"
#include "rules/expression.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

using rules::Context;
using rules::Expression;

rules::Use use_named(const std::string& name) {
    if (name == "apply_when")
        return rules::Use::apply_when;
    if (name == "filter")
        return rules::Use::filter;
    if (name == "partition")
        return rules::Use::partition;
    if (name == "can_evaluate")
        return rules::Use::can_evaluate;
    throw py::value_error("no use of expressions is called '" + name + "'");
}

Expression make_expression(py::handle json, const std::string& use) {
    const rules::Use place = use_named(use);
    return Expression(to_rule_value(json, "the expression", Unknown::refused), place);
}

std::optional<model::Value> given(const py::object& value, const char* what) {
    if (value.is(py::ellipsis()))
        return std::nullopt;
    return to_rule_value(value, what, Unknown::kept);
}

Context make_context(py::handle user, py::handle values, py::handle environment,
                     const py::object& partition, const py::object& request) {
    Context context;
    context.user = to_rule_value(user, "the user", Unknown::kept);
    context.values = to_rule_value(values, "the values", Unknown::kept);
    context.environment = to_rule_value(environment, "the environment", Unknown::kept);
    context.partition = given(partition, "the partition");
    context.request = given(request, "the request");
    return context;
}

py::list calls(const Expression& expression, const Context& context) {
    py::list result;
    for (const rules::Call& call : expression.calls(context)) {
        py::list arguments;
        for (const model::Value& argument : call.arguments)
            arguments.append(from_rule_value(argument));
        result.append(py::make_tuple(call.function, arguments));
    }
    return result;
}

bool evaluate(const Expression& expression, const Context& context, const py::dict& results) {
    std::vector<std::optional<model::Value>> given;
    if (!results.empty())
        given.resize(expression.calls(context).size());
    for (const auto& [position, value] : results) {
        const auto at = position.cast<std::size_t>();
        if (at >= given.size())
            throw py::index_error("no call has this position");
        given[at] = to_rule_value(value, "the result of a function", Unknown::kept);
    }
    return expression.evaluate(context, given);
}

} // namespace

void bind_expressions(py::module_& m) {
    py::register_exception_translator([](std::exception_ptr pointer) {
        try {
            if (pointer)
                std::rethrow_exception(pointer);
        } catch (const rules::ExpressionFault& fault) {
            try {
                raise_expression_error(fault.what(), fault.is_misplaced());
            } catch (py::error_already_set& set) {
                set.restore();
            }
        }
    });
    py::class_<Context, std::shared_ptr<Context>>(m, "ExpressionContext")
        .def(py::init(&make_context), py::kw_only(), py::arg("user") = py::dict(),
             py::arg("values") = py::dict(), py::arg("environment") = py::dict(),
             py::arg("partition") = py::ellipsis(), py::arg("request") = py::ellipsis());
    py::class_<Expression>(m, "Expression")
        .def(py::init(&make_expression), py::arg("expression"), py::arg("use"))
        .def_property_readonly("fields", &Expression::fields)
        .def_property_readonly("functions", &Expression::functions)
        .def_property_readonly("speaks_of_document", &Expression::speaks_of_document)
        .def("calls", &calls, py::arg("context"))
        .def("evaluate", &evaluate, py::arg("context"), py::arg("results") = py::dict());
}

} // namespace realmsync::bindings
