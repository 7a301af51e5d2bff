// The paths of a printer (query-language.md 7 and 19.1).
#include <utility>

#include "query/parsing/parse.hpp"
#include "query/printing/printer.hpp"

namespace realmsync::query {

namespace {

std::string_view aggregate_name(Ending ending) {
    switch (ending) {
    case Ending::min: return ".@min";
    case Ending::max: return ".@max";
    case Ending::sum: return ".@sum";
    case Ending::average: return ".@avg";
    default: return {};
    }
}

// Whether an aggregate is of a property of the objects of the last hop (friends.@max.age), not of
// the values of a collection (friends.nums.@max).
bool is_of_members(const Path& path) {
    return !aggregate_name(path.ending).empty() && path.end_kind == Path::End::property &&
           !path.hops.empty() && path.elements.empty() &&
           path.definition().collection == Collection::single;
}

// Whether the reader takes a name for an identifier; keywords and other spellings it does not.
bool is_identifier(const std::string& name) {
    try {
        const syntax::Query read = parse(escaped_name(name) + " == 0");
        const auto* comparison = std::get_if<syntax::Comparison>(&read.predicate.of);
        const auto* property =
            comparison == nullptr ? nullptr : std::get_if<syntax::Property>(&comparison->left.of);
        return property != nullptr && property->path.steps.size() == 1 &&
               property->path.steps[0].kind == syntax::Step::Kind::name &&
               property->path.steps[0].text == name;
    } catch (const QueryFault&) {
        return false;
    }
}

} // namespace

bool Printer::is_readable(const Path& path) {
    for (const Hop& hop : path.hops)
        if (!is_identifier(hop.definition().name))
            return false;
    return path.end_kind != Path::End::property || is_of_members(path) ||
           is_identifier(path.definition().name);
}

void Printer::write(const Path& path) {
    if (exact_ && !is_readable(path)) {
        std::string before = std::exchange(text_, {});
        write_steps(path);
        std::string steps = std::exchange(text_, std::move(before));
        write_argument(Argument(model::Value(std::move(steps))), "$K");
    } else {
        if (!variables_.empty())
            text_ += variables_.back() + '.';
        write_steps(path);
    }
    write_ending(path);
}

void Printer::write_steps(const Path& path) {
    std::string_view dot;
    for (std::size_t i = 0; i < path.hops.size(); ++i) {
        const Hop& hop = path.hops[i];
        text_ += std::exchange(dot, ".");
        if (hop.backward)
            text_ += "@links." + hop.cls->name + '.';
        text_ += escaped_name(hop.definition().name);
        for (const Element& element : path.hop_elements[i])
            write(element);
    }
    if (path.end_kind == Path::End::backlink_total) {
        text_.append(dot) += "@links";
    } else if (path.end_kind == Path::End::property && !is_of_members(path)) {
        text_.append(dot) += escaped_name(path.definition().name);
        for (const Element& element : path.elements)
            write(element);
        // All values of a dictionary are told from the dictionary itself; aggregates are not.
        const bool is_whole_dictionary =
            path.elements.empty() && path.definition().collection == Collection::dictionary;
        if (is_whole_dictionary && !exact_ && aggregate_name(path.ending).empty())
            text_ += "[*]";
    }
    if (path.ending == Ending::length)
        text_ += ".length";
}

void Printer::write_ending(const Path& path) {
    if (path.ending == Ending::type) {
        text_ += ".@type";
    } else if (path.ending == Ending::size) {
        const bool is_of_objects = path.end_kind != Path::End::property ||
                                   (path.definition().type == Type::link && path.elements.empty());
        text_ += is_of_objects ? ".@count" : ".@size";
    } else {
        text_ += aggregate_name(path.ending);
        if (is_of_members(path))
            text_ += '.' + escaped_name(path.definition().name);
    }
}

void Printer::write(const Element& element) {
    switch (element.kind) {
    case Element::Kind::index:
        if (element.index > 0 || exact_)
            text_ += '[' + std::to_string(element.index) + ']';
        else
            text_ += "[FIRST]";
        break;
    case Element::Kind::first: text_ += "[FIRST]"; break;
    case Element::Kind::last: text_ += "[LAST]"; break;
    case Element::Kind::all: text_ += "[*]"; break;
    case Element::Kind::keys: text_ += ".@keys"; break;
    case Element::Kind::values: text_ += exact_ ? ".@values" : "[*]"; break;
    case Element::Kind::key: write_key(element.key); break;
    }
}

// Written raw by the reference, whatever it holds.
void Printer::write_key(const std::string& key) {
    text_ += '[';
    if (exact_ && key.find_first_of(std::string_view("'\\\0", 3)) != key.npos)
        write_argument(Argument(model::Value(key)));
    else
        text_ += '\'' + key + '\'';
    text_ += ']';
}

// In clauses nothing is escaped by the reference.
void Printer::write_sort_path(const Path& path) {
    if (exact_) {
        write(path);
        return;
    }
    for (const Hop& hop : path.hops)
        text_ += hop.definition().name + '.';
    text_ += path.definition().name;
    for (const Element& element : path.elements)
        write(element);
}

} // namespace realmsync::query
