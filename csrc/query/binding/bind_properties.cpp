// What stands at the end of a key path: a property, a part of it, the objects themselves, a size,
// a type (query-language.md sections 7, 11.3, 11.5, 11.6).
#include <algorithm>

#include "query/binding/binder.hpp"
#include "query/binding/type_attributes.hpp"
#include "query/strings/fold.hpp"

namespace realmsync::query {

namespace {

std::string quantifier_word(Quantifier quantifier) {
    return quantifier == Quantifier::all ? "ALL" : quantifier == Quantifier::none ? "NONE" : "ANY";
}

// Of each element of a list or set of strings, binaries or Mixed.
bool is_length(const model::Property& property, std::string_view name) {
    auto has_elements =
        property.collection == Collection::list || property.collection == Collection::set;
    auto has_bytes =
        property.type == Type::string || property.type == Type::binary || property.type == kMixed;
    return has_elements && has_bytes && equals_folded(name, "LENGTH");
}

Bound bound_of(Path path, Kind kind, syntax::Position position) {
    Bound bound;
    bound.kind = kind;
    bound.is_list = bound.is_sequence = path.is_multiple;
    bound.position = position;
    bound.operand.type = path.type = type_of(kind);
    bound.operand.is_multiple = path.is_multiple;
    bound.operand.of = PathOperand{std::move(path)};
    return bound;
}

Path& path_of(Bound& bound) { return std::get<PathOperand>(bound.operand.of).path; }

void set_multiple(Bound& bound, bool is_multiple) {
    path_of(bound).is_multiple = bound.operand.is_multiple = is_multiple;
}

// Where a step behind the property is refused.
[[noreturn]] void refuse_step(const model::Class& cls, const std::string& property, bool is_name,
                              const std::string& step, syntax::Position position) {
    std::string text = "Property '" + cls.name + "." + property + "' ";
    text += is_name ? "has no property '" : "does not support index '";
    refuse(text + step + "'", position);
}

} // namespace

Bound Binder::property(const syntax::Property& text) {
    Walk walk = Binder::walk(text.path);
    if (walk.ends_in_links)
        return backlink_total(std::move(walk), text);
    Bound bound = value_at(walk, text.quantifier, text.post != syntax::PostOperator::none);
    bound.position = text.path.position;
    switch (text.post) {
    case syntax::PostOperator::none: return bound;
    case syntax::PostOperator::size: return size_of(std::move(bound), text);
    case syntax::PostOperator::type: break;
    }
    return type_of_values(std::move(bound), text);
}

// A path that ends in @links counts, with @count behind it or without.
Bound Binder::backlink_total(Walk walk, const syntax::Property& text) {
    if (!walk.at_end())
        refuse("'" + walk.at->name + "' has no property '" + spelled(walk.pieces[walk.next]) + "'",
               walk.pieces[walk.next].position);
    Path path = std::move(walk.path);
    path.end_kind = Path::End::backlink_total;
    path.cls = walk.at;
    path.ending = Ending::size;
    path.is_multiple = leads_to_many(path.hops);
    Bound bound = bound_of(std::move(path), Kind::integer, text.path.position);
    bound.is_list = false;
    bound.operand.quantifier = text.quantifier;
    return bound;
}

Bound Binder::value_at(Walk& walk, Quantifier quantifier, bool has_post_operator) {
    if (walk.at_end())
        return links_at(walk, quantifier);
    const Piece& piece = walk.pieces[walk.next];
    std::size_t property = property_at(*walk.at, piece);
    ++walk.next;
    const model::Property& definition = walk.at->properties[property];
    Path path = std::move(walk.path);
    path.cls = walk.at;
    path.property = property;
    bool is_collection = definition.collection != Collection::single;
    bool is_dictionary = definition.collection == Collection::dictionary;
    bool leads = leads_to_many(path.hops);
    if (quantifier != Quantifier::unsaid && !is_collection && !leads && walk.at_end())
        refuse("The keypath following '" + quantifier_word(quantifier) + "' must contain a list",
               piece.position);
    path.is_multiple = is_collection || leads;
    // Values of a dictionary are compared as Mixed whatever their type (11.5).
    Kind kind = is_dictionary ? Kind::mixed : kind_of(definition.type);
    Bound bound = bound_of(std::move(path), kind, piece.position);
    bound.is_collection = is_collection;
    bound.operand.quantifier = quantifier;
    if (!walk.at_end())
        set_elements(walk, bound, !has_post_operator);
    return bound;
}

// What stands behind the name of a property: indexes and keys.
void Binder::set_elements(Walk& walk, Bound& bound, bool may_be_length) {
    std::span<const Piece> rest = std::span(walk.pieces).subspan(walk.next);
    const Piece& first = rest[0];
    bool is_key = first.kind == Piece::Kind::key;
    Path& path = path_of(bound);
    const model::Property& definition = path.definition();
    if (rest.size() > 1 && bound.kind != Kind::mixed)
        refuse("Only Property of type 'any' can have nested collections", rest[1].position);
    bool fits = false;
    switch (definition.collection) {
    case Collection::single: fits = bound.kind == Kind::mixed; break;
    case Collection::dictionary: fits = is_key || first.kind == Piece::Kind::all; break;
    case Collection::list: fits = !is_key; break;
    case Collection::set: break;
    }
    if (!fits && may_be_length && is_key && is_length(definition, first.key)) {
        path.ending = Ending::length;
        bound.kind = Kind::integer;
        bound.operand.type = path.type = Type::integer;
        bound.is_collection = false;
        walk.next = walk.pieces.size();
        return;
    }
    if (!fits)
        refuse_step(*path.cls, definition.name, is_key, spelled(first), first.position);
    bool is_dictionary = definition.collection == Collection::dictionary;
    if (is_dictionary && rest.size() == 1 && first.key == "@values" && first.is_name) {
        walk.next = walk.pieces.size();
        return; // as without it
    }
    for (const Piece& piece : rest)
        path.elements.push_back(element_of(piece));
    walk.next = walk.pieces.size();
    Element::Kind kind = path.elements[0].kind;
    if (is_dictionary && kind == Element::Kind::keys) {
        bound.kind = Kind::string;
        bound.operand.type = path.type = Type::string;
        bound.is_collection = bound.is_list = false;
    } else if (is_dictionary && kind == Element::Kind::key) {
        // One value, though quantifiers are accepted (11.2), unless other steps follow its keys.
        bool has_only_keys =
            std::all_of(path.elements.begin(), path.elements.end(),
                        [](const Element& e) { return e.kind == Element::Kind::key; });
        bound.is_sequence = leads_to_many(path.hops) || !has_only_keys;
    } else if (definition.collection == Collection::single) {
        bound.is_list = bound.is_sequence = true;
        set_multiple(bound, true);
    }
}

// The path leads to objects and no further.
Bound Binder::links_at(Walk& walk, Quantifier quantifier) {
    Path path = std::move(walk.path);
    syntax::Position position = walk.pieces.empty() ? 0 : walk.pieces.back().position;
    if (path.hops.empty())
        refuse("A variable of SUBQUERY needs the name of a property behind it", position);
    Hop last = path.hops.back();
    std::vector<Element> chosen = path.hop_elements.back();
    if (!chosen.empty() && last.definition().collection == Collection::list)
        refuse_step(*walk.at, "", false, spelled(walk.pieces.back()), position);
    Kind kind = Kind::link;
    if (!chosen.empty() || !last.is_multiple()) {
        path.hops.pop_back();
        path.hop_elements.pop_back();
        path.cls = last.cls;
        path.property = last.property;
        path.elements = chosen;
        path.is_multiple = !chosen.empty() || leads_to_many(path.hops);
    } else {
        path.end_kind = Path::End::object;
        path.cls = walk.at;
        path.is_multiple = true;
    }
    bool is_part = !chosen.empty();
    bool is_keys = is_part && chosen[0].kind == Element::Kind::keys;
    if (is_part)
        kind = is_keys ? Kind::string : Kind::mixed;
    bool leads = leads_to_many(path.hops);
    Bound bound = bound_of(std::move(path), kind, position);
    bound.operand.quantifier = quantifier;
    if (is_part) {
        bound.is_collection = bound.is_list = !is_keys;
        bound.is_sequence = is_keys || leads;
    }
    return bound;
}

// Of a path that ends in a single link: the object there is what is asked.
void Binder::make_objects_end(Path& path) const {
    const model::Class* target = schema_->find(path.definition().target);
    path.hops.push_back({path.cls, path.property, false, target});
    path.hop_elements.emplace_back();
    path.end_kind = Path::End::object;
    path.cls = target;
    path.property = 0;
}

Bound Binder::size_of(Bound bound, const syntax::Property& text) {
    Path& path = path_of(bound);
    bool is_link = bound.kind == Kind::link;
    bool has_size = bound.is_collection || bound.kind == Kind::string ||
                    bound.kind == Kind::binary || bound.kind == Kind::mixed;
    bool is_keys = !path.elements.empty() && path.elements[0].kind == Element::Kind::keys &&
                   path.definition().collection == Collection::dictionary;
    if (!is_link && (!has_size || is_keys))
        refuse("Operation '" + text.post_text + "' is not supported on property of type '" +
                   name(bound.kind) + "'",
               text.path.position);
    if (is_link && path.end_kind == Path::End::property)
        make_objects_end(path);
    std::span<const Hop> hops = path.hops;
    bool is_part_of_mixed =
        !is_link && !bound.is_collection && !path.elements.empty(); // its values are counted
    bool is_multiple =
        is_part_of_mixed || leads_to_many(is_link ? hops.first(hops.size() - 1) : hops);
    path.ending = Ending::size;
    bound.operand.type = path.type = Type::integer;
    bound.kind = Kind::integer;
    bound.is_collection = bound.is_list = false;
    bound.is_sequence = is_multiple;
    set_multiple(bound, is_multiple);
    return bound;
}

Bound Binder::type_of_values(Bound bound, const syntax::Property& text) {
    Path& path = path_of(bound);
    if (bound.kind == Kind::mixed) {
        path.ending = Ending::type;
        bound.kind = Kind::type_attribute;
        bound.is_collection = false;
        return bound;
    }
    bool is_fixed =
        bound.kind == Kind::link || (path.end_kind == Path::End::property &&
                                     path.definition().collection == Collection::single);
    if (!is_fixed)
        refuse("Operation '" + text.post_text + "' is not supported on property of type '" +
                   name(bound.kind) + "'",
               text.path.position);
    Bound constant;
    constant.kind = Kind::type_attribute;
    constant.is_constant = true;
    constant.position = text.path.position;
    constant.operand.of = type_attribute(type_of(bound.kind));
    return constant;
}

} // namespace realmsync::query
