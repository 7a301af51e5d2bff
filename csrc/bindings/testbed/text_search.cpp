// Full-text searches without a query.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <variant>
#include <vector>

#include "bindings/testbed/bind.hpp"
#include "query/sql/text_index.hpp"
#include "query/strings/text_search.hpp"

namespace py = pybind11;

namespace realmsync::bindings::testbed {

namespace {

// Throws ValueError for what is no search.
query::TextSearch read(const std::string& text) {
    std::variant<query::TextSearch, std::string> search = query::read_search(text);
    if (const std::string* fault = std::get_if<std::string>(&search))
        throw py::value_error(*fault);
    return std::get<query::TextSearch>(std::move(search));
}

} // namespace

void bind_text_search(py::module_& m) {
    m.def("text_tokens", &query::all_tokens, py::arg("text"));
    m.def(
        "texts_matching",
        [](const std::string& search_text, const std::vector<std::string>& texts) {
            const query::TextSearch search = read(search_text);
            std::vector<bool> found;
            for (const std::string& text : texts)
                found.push_back(query::matches(search, text));
            return found;
        },
        py::arg("search"), py::arg("texts"));
    m.def(
        "match_expression",
        [](const std::string& search_text) {
            const query::TextMatchExpression match = query::match_expression(read(search_text));
            return py::make_tuple(match.expression, match.is_complement);
        },
        py::arg("search"));
}

} // namespace realmsync::bindings::testbed
