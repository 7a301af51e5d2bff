// Selection.aggregate: @min, @max, @sum and @avg over what a query has selected
// (query-language.md 11.4).
#include "bindings/realm/query.hpp"

#include <deque>

#include "bindings/realm/snapshot.hpp"
#include "bindings/values/convert.hpp"
#include "query/evaluation/aggregates.hpp"
#include "query/printing/print.hpp"
#include "tables/tables.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

query::Ending ending_of(const std::string& operation) {
    if (operation == "min")
        return query::Ending::min;
    if (operation == "max")
        return query::Ending::max;
    return operation == "sum" ? query::Ending::sum : query::Ending::average;
}

bool is_aggregated(const DeclaredProperty& property, query::Ending ending) {
    if (property.collection != Collection::single)
        return false;
    switch (property.type) {
    case Type::integer:
    case Type::float32:
    case Type::float64:
    case Type::decimal:
    case kMixed: return true;
    case Type::timestamp: return ending == query::Ending::min || ending == query::Ending::max;
    default: return false;
    }
}

} // namespace

py::object RealmHandle::aggregate(const Selection& selection, const std::string& operation,
                                  int property) {
    const auto index = static_cast<std::size_t>(property);
    const auto cls = static_cast<std::size_t>(selection.cls());
    const DeclaredProperty& p = declared(selection.cls()).properties.at(index);
    const query::Ending ending = ending_of(operation);
    if (!is_aggregated(p, ending))
        raise(ErrorKind::illegal_operation,
              "Cannot " + operation + " property '" + p.label + "' of type '" +
                  query::type_name(p.type) + "'" +
                  (p.collection == Collection::single ? "" : ", a collection"));
    const model::Value result =
        with_snapshot([&](realm::RealmConnection& c, const Resolved& resolved) {
            const model::Class& actual = *resolved.classes[cls];
            const std::size_t at = resolved.properties[cls][index];
            query::Aggregate aggregate(ending, p.type);
            std::deque<model::Value> values; // the aggregate borrows texts
            for (std::size_t i = 0; i < selection.keys().size(); ++i) {
                auto value = c.tables.read(tables::kOnlyPartition, *resolved.schema, actual,
                                           selection.keys().at(i), at);
                if (!value)
                    continue;
                if (p.type != kMixed)
                    values.clear();
                aggregate.add(query::ValueView(values.emplace_back(std::move(*value))));
            }
            return aggregate.result().to_value();
        });
    return result.is_null() ? py::none() : from_value(result, p.type);
}

} // namespace realmsync::bindings
