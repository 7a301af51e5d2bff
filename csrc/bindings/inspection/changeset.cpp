// Python access to changesets: parsing, both encodings, inspection, decimal text. The JSON form is
// in changeset_to_dicts.cpp and changeset_from_dicts.cpp.
#include <pybind11/pybind11.h>

#include "base/decimal.hpp"
#include "bindings/bind.hpp"
#include "bindings/inspection/changeset_dicts.hpp"
#include "bindings/values/errors.hpp"
#include "bindings/values/without_gil.hpp"
#include "changeset/codec.hpp"
#include "changeset/writer.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

using namespace changeset;

// A parsed changeset and the bytes object that its views point into.
struct ParsedChangeset {
    py::bytes bytes;
    Changeset changeset;

    static ParsedChangeset parse(py::bytes bytes) {
        std::string_view view = bytes;
        Result<Changeset> result = [&] {
            WithoutGil release;
            return parse_borrowed(view);
        }();
        return {std::move(bytes), unwrap(std::move(result))};
    }
};

template <class Encode> py::bytes encode_with(const Changeset& changeset, Encode encode) {
    std::string bytes;
    {
        WithoutGil release;
        bytes = encode(changeset);
    }
    return bytes;
}

// The address of an instruction with borrowed names, for Writer.
Address address_of(const Changeset& changeset, const Instruction& i, std::vector<Step>& steps) {
    steps.clear();
    for (const PathElement& e : changeset.path(i))
        steps.push_back({e.is_string, e.is_string ? 0 : e.value,
                         e.is_string ? changeset.strings[e.value] : std::string_view{}});
    return {changeset.strings[i.table], changeset.key(i), changeset.strings[i.field], steps};
}

void write_again(Writer& writer, const Changeset& changeset, const Instruction& i) {
    std::string_view table = changeset.strings[i.table];
    LinkTarget link;
    std::vector<Step> steps;
    switch (i.op) {
    case Op::add_table:
        return writer.add_table(table, i.table_kind, changeset.strings[i.field], i.value_type,
                                i.nullable);
    case Op::erase_table: return writer.erase_table(table);
    case Op::create_object: return writer.create_object(table, changeset.key(i));
    case Op::erase_object: return writer.erase_object(table, changeset.key(i));
    case Op::add_column:
        return writer.add_column(
            table, changeset.strings[i.field], i.value_type, i.nullable, i.collection,
            i.value_type == Type::link ? changeset.strings[i.value.target] : std::string_view{});
    case Op::erase_column: return writer.erase_column(table, changeset.strings[i.field]);
    default: break;
    }
    Address address = address_of(changeset, i, steps);
    switch (i.op) {
    case Op::update:
        return writer.update(address, changeset.value(i, link),
                             changeset.addresses_element(i) ? i.prior_size : i.is_default);
    case Op::add_integer: return writer.add_integer(address, i.value.integer);
    case Op::array_insert:
        return writer.array_insert(address, changeset.value(i, link), i.prior_size);
    case Op::array_move: return writer.array_move(address, i.value.move_to, i.prior_size);
    case Op::array_erase: return writer.array_erase(address, i.prior_size);
    case Op::clear: return writer.clear(address, i.collection);
    case Op::set_insert: return writer.set_insert(address, changeset.value(i, link));
    default: return writer.set_erase(address, changeset.value(i, link));
    }
}

// Every instruction through Writer, each one rewound once and then written for good, as in a
// transaction whose steps fail and are tried again.
std::string rewrite(const Changeset& changeset) {
    Writer writer;
    for (const Instruction& i : changeset.instructions) {
        Writer::Mark mark = writer.mark();
        write_again(writer, changeset, i);
        writer.rewind(mark);
        write_again(writer, changeset, i);
    }
    return writer.take();
}

} // namespace

void bind_changeset(py::module_& m) {
    py::class_<ParsedChangeset>(m, "Changeset")
        .def_static("parse", &ParsedChangeset::parse, py::arg("data"))
        .def("__len__", [](const ParsedChangeset& c) { return c.changeset.instructions.size(); })
        .def_property_readonly("strings",
                               [](const ParsedChangeset& c) {
                                   py::list names;
                                   for (std::string_view name : c.changeset.strings)
                                       names.append(py::str(name.data(), name.size()));
                                   return names;
                               })
        .def("instructions", [](const ParsedChangeset& c) { return to_dicts(c.changeset); })
        .def("encode",
             [](const ParsedChangeset& c) {
                 return encode_with(c.changeset, [](const Changeset& x) { return encode(x); });
             })
        .def("encode_interleaved",
             [](const ParsedChangeset& c) {
                 return encode_with(c.changeset,
                                    [](const Changeset& x) { return encode_interleaved(x); });
             })
        .def("rewrite", [](const ParsedChangeset& c) {
            return encode_with(c.changeset, [](const Changeset& x) { return rewrite(x); });
        });

    m.def(
        "encode_instructions",
        [](py::object instructions) { return py::bytes(encode(from_dicts(instructions))); },
        py::arg("instructions"));
    m.def(
        "parse_decimal",
        [](std::string_view text) -> py::object {
            auto decimal = parse_decimal(text);
            if (!decimal)
                return py::none();
            return py::make_tuple(decimal->low, decimal->high);
        },
        py::arg("text"));
    m.def(
        "format_decimal",
        [](std::uint64_t low, std::uint64_t high) { return format_decimal({low, high}); },
        py::arg("low"), py::arg("high"));
}

} // namespace realmsync::bindings
