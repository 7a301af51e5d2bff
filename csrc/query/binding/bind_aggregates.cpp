// @min, @max, @sum and @avg (query-language.md 11.4).
#include "query/binding/binder.hpp"

namespace realmsync::query {

namespace {

using syntax::Aggregate;

std::string word(Aggregate aggregate) {
    switch (aggregate) {
    case Aggregate::min: return ".@min";
    case Aggregate::max: return ".@max";
    case Aggregate::sum: return ".@sum";
    case Aggregate::average: break;
    }
    return ".@avg";
}

Ending ending(Aggregate aggregate) {
    switch (aggregate) {
    case Aggregate::min: return Ending::min;
    case Aggregate::max: return Ending::max;
    case Aggregate::sum: return Ending::sum;
    case Aggregate::average: break;
    }
    return Ending::average;
}

Kind result_kind(Aggregate aggregate, Kind of) {
    if (aggregate == Aggregate::min || aggregate == Aggregate::max)
        return of;
    if (of == Kind::decimal || of == Kind::mixed)
        return Kind::decimal;
    return of == Kind::integer && aggregate == Aggregate::sum ? Kind::integer : Kind::float64;
}

[[noreturn]] void refuse_aggregate(const syntax::AggregateOf& text) {
    refuse("Cannot use aggregate '" + word(text.aggregate) + "' for this type of property",
           text.position);
}

// The path has its end; its values become one.
Bound finished(Path path, Kind of, bool is_multiple, const syntax::AggregateOf& text) {
    Kind kind = result_kind(text.aggregate, of);
    path.ending = ending(text.aggregate);
    path.type = type_of(kind);
    path.is_multiple = is_multiple;
    Bound bound;
    bound.kind = kind;
    bound.is_sequence = is_multiple;
    bound.position = text.path.position;
    bound.operand.type = path.type;
    bound.operand.is_multiple = is_multiple;
    bound.operand.of = PathOperand{std::move(path)};
    return bound;
}

} // namespace

Bound Binder::aggregate(const syntax::AggregateOf& text) {
    Walk walk = Binder::walk(text.path);
    if (walk.ends_in_links)
        refuse_aggregate(text);
    if (!text.property.empty())
        return aggregate_of_objects(walk, text);
    Bound values = value_at(walk, Quantifier::unsaid, true);
    bool has_links = values.path()->definition().type == Type::link; // whatever holds them
    if (!values.is_collection || !is_numeric(values.kind) || has_links)
        refuse_aggregate(text);
    Path path = std::get<PathOperand>(values.operand.of).path;
    bool is_multiple = leads_to_many(path.hops);
    return finished(std::move(path), values.kind, is_multiple, text);
}

// Of a property of all objects that the path leads to, through however many collections; a single
// link leads to one or none.
Bound Binder::aggregate_of_objects(Walk& walk, const syntax::AggregateOf& text) {
    bool leads_to_objects =
        walk.at_end() && !walk.path.hops.empty() && walk.path.hop_elements.back().empty();
    if (!leads_to_objects) {
        Bound values = value_at(walk, Quantifier::unsaid, true); // has faults of its own
        refuse("Operation '" + word(text.aggregate) + "' cannot apply to property '" +
                   values.path()->definition().name + "' because it is not a list",
               text.position);
    }
    Piece piece;
    piece.key = text.property;
    piece.position = text.position;
    std::size_t property = property_at(*walk.at, piece);
    const model::Property& definition = walk.at->properties[property];
    Kind kind = kind_of(definition.type);
    bool is_time = kind == Kind::timestamp;
    if (definition.collection != Collection::single || (!is_numeric(kind) && !is_time))
        refuse("collection aggregate not supported for type '" + query::name(kind) + "'",
               text.position);
    if (is_time && text.aggregate != Aggregate::min && text.aggregate != Aggregate::max)
        refuse_aggregate(text);
    Path path = std::move(walk.path);
    path.cls = walk.at;
    path.property = property;
    return finished(std::move(path), kind, false, text);
}

} // namespace realmsync::query
