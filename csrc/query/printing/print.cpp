#include "query/printing/print.hpp"

#include "query/printing/literals.hpp"
#include "query/printing/printer.hpp"

namespace realmsync::query {

namespace {

template <class Part> std::string printed(const Part& part) {
    Printer printer(Printer::Form::reference);
    printer.write(part);
    return printer.take_text();
}

} // namespace

std::string print(const Predicate& predicate) { return printed(predicate); }
std::string print(const Query& query) { return printed(query); }
std::string print(const Path& path) { return printed(path); }
std::string print(const Operand& operand) { return printed(operand); }
std::string print(const model::Value& value) { return literal(value); }

std::string type_name(Type type) {
    switch (type) {
    case Type::integer: return "int";
    case Type::boolean: return "bool";
    case Type::string: return "string";
    case Type::binary: return "binary";
    case Type::timestamp: return "timestamp";
    case Type::float32: return "float";
    case Type::float64: return "double";
    case Type::decimal: return "decimal128";
    case Type::link: return "link";
    case Type::object_id: return "objectId";
    case Type::uuid: return "uuid";
    default: return "mixed";
    }
}

ExactText print_exact(const Query& query) {
    Printer printer(Printer::Form::exact);
    printer.write(query);
    return {printer.take_text(), printer.take_arguments()};
}

} // namespace realmsync::query
