// libFuzzer target: a text is refused at a place within it, or is a query: its exact text reads
// back as the same tree, its normal form selects what it selects, and every stage takes it. The
// first byte chooses the class and whether the text comes from another SDK's serialiser. Seeds: the
// recorded queries, over a schema like theirs.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz/query_world.hpp"
#include "query/binding/bind.hpp"
#include "query/evaluation/evaluate.hpp"
#include "query/parsing/parse.hpp"
#include "query/printing/print.hpp"
#include "query/sql/sql.hpp"
#include "query/tree/needs.hpp"
#include "query/tree/normal_form.hpp"
#include "query/tree/tree_bytes.hpp"

using namespace realmsync;

namespace {

void require(bool condition) {
    if (!condition)
        std::abort();
}

constexpr std::array kClasses = {"Person", "Dog", "Shop", "Token", "Odd", "Place"};

// Throws QueryFault.
query::Query understand(std::string_view text, const model::SchemaPtr& schema,
                        const model::Class& cls, const query::ParseOptions& parsing,
                        std::span<const query::Argument> arguments) {
    query::BindOptions options;
    options.is_subscription = parsing.is_subscription;
    options.full_text = {"Person.bio"};
    return query::bind(query::parse(text, parsing), schema, cls, arguments, options);
}

// Printing adds parentheses: !!a of two levels is !(!(a)) of four.
query::ParseOptions for_printed() {
    query::ParseOptions options;
    options.limits.depth *= 3;
    return options;
}

void check_printed(const query::Query& query, const model::Class& cls) {
    require(!query::print(query).empty());
    query::ExactText exact = query::print_exact(query);
    query::Query again = understand(exact.text, query.schema, cls, for_printed(), exact.arguments);
    require(query::tree_bytes(again) == query::tree_bytes(query));
    require(query::print_exact(again).text == exact.text);
}

void check_normal_form(const query::Query& query, const query::Image& object, query::Graph& graph) {
    query::Query normal = query;
    normal.predicate = query::normalize(query.predicate);
    require(query::canonical_bytes(normal) == query::canonical_bytes(query));
    query::Run run(graph);
    for (const query::Image& asked : {object, query::Image{object.cls, object.key}})
        require(query::Evaluator(normal).matches(asked, run) ==
                query::Evaluator(query).matches(asked, run));
}

void check_stages(const query::Query& query, const query::Image& object, query::Graph& graph) {
    query::needs_of(query);
    query::to_sql(query.predicate);
    query::to_sql(query.predicate, {query::Dialect::postgresql, true});
    std::array objects = {object, query::Image{object.cls, object.key}};
    require(query::select(query, objects, graph).size() <= objects.size());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static fuzz::World world;
    static const std::vector<query::Argument> arguments = fuzz::make_arguments();
    if (size == 0)
        return 0;
    const model::Class& cls = *world.schema()->find(kClasses[(data[0] >> 1) % kClasses.size()]);
    std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
    std::optional<query::Query> query;
    try {
        query = understand(text, world.schema(), cls, {{}, (data[0] & 1) != 0}, arguments);
    } catch (const query::QueryFault& fault) {
        require(fault.position() <= text.size() ||
                fault.position() == query::QueryFault::kNoPosition);
        return 0;
    }
    check_printed(*query, cls); // throws nothing any more
    try {
        check_normal_form(*query, world.object(cls), world);
        check_stages(*query, world.object(cls), world);
    } catch (const query::QueryFault& fault) { // too much work
        require(fault.kind() == query::FaultKind::limit);
    }
    return 0;
}
