"""The types of the GraphQL interface, as far as Flow's own client asks for them."""

SCHEMA = """
scalar Upload
scalar JSONString

type Query {
    me: User
    accessToken: String
    user(username: String!): User
    sample(id: ID!): Sample
    data(id: ID!): Data
    project(id: ID!): Project
    execution(id: ID!): Execution
    pipelineCategories: [PipelineCategory!]!
}

type Mutation {
    login(username: String!, password: String!): Login
    runPipeline(
        id: ID!, params: JSONString, dataParams: JSONString, sampleParams: JSONString
        nextflowVersion: String, genome: ID
    ): RunPipeline
    uploadData(
        blob: Upload!, isLast: Boolean!, expectedFileSize: Float!, data: ID, filename: String!
        md5: String
    ): UploadData
    uploadMultiplexedData(
        blob: Upload!, isLast: Boolean!, expectedFileSize: Float!, data: ID, filename: String!
        md5: String
    ): UploadData
}

type Login { accessToken: String!, user: User! }
type RunPipeline { execution: Execution! }
type UploadData { dataId: ID! }

type User { id: ID!, username: String!, name: String!, canRunPipelines: Boolean }
type Organism { id: ID!, name: String!, latinName: String! }
type Genome { id: ID!, name: String!, organism: Organism }
type Project { id: ID!, name: String!, description: String, created: String, owner: User }
type DataLink { id: ID!, created: String!, data: Data! }

type Sample {
    id: ID!, name: String!, private: Boolean!, created: String!, sampleType: String!
    owner: User!, organism: Organism, project: Project, initialData: [DataLink!]!
    strandedness: String, rnaSelectionMethod: String, pubmed: String, source: String
    purificationTarget: String, scientist: String
}

type Data {
    id: ID!, filename: String!, filetype: String!, size: Float!, category: Int
    created: String!, isDirectory: Boolean!, isBinary: Boolean!, private: Boolean!
    isRemoved: Boolean!, upstreamProcessExecution: ProcessExecution, sample: Sample
    project: Project, owner: User!, genome: Genome, genomeFasta: Genome, genomeGtf: Genome
}

type PipelineCategory { id: ID!, name: String!, subcategories: [PipelineSubcategory!]! }
type PipelineSubcategory { id: ID!, name: String!, pipelines: [Pipeline!]! }
type Pipeline {
    id: ID!, name: String!, description: String!, version: PipelineVersion!
    versions: [PipelineVersion!]!
}
type PipelineVersion {
    id: ID!, name: String!, description: String!, schema: JSONString!, pipeline: Pipeline!
}

type Execution {
    id: ID!, identifier: String!, status: String!, pipelineVersion: PipelineVersion!
    nextflowVersion: String!, forcedPublicProjectId: ID, forcedPublicSampleId: ID
    canEdit: Boolean!, canShare: Boolean!, created: String!, started: String, finished: String
    taskStarted: String, taskFinished: String, private: Boolean!, hasReport: Boolean!
    params: JSONString!, dataParams: JSONString!, sampleParams: JSONString!, stdout: String!
    stderr: String!, dependent: Boolean!, command: String!, log: String!
    upstreamData: [Data!]!, upstreamSamples: [Sample!]!, owner: User!, genome: Genome
    sample: Sample, project: Project, processExecutions: [ProcessExecution!]!
}

type ProcessExecution {
    id: ID!, identifier: String!, name: String!, processName: String!, started: String!
    finished: String, stdout: String!, stderr: String!, bash: String!, status: String!
    exitCode: Int, upstreamData: [Data!]!, upstreamSamples: [Sample!]!
    downstreamData: [Data!]!, execution: Execution!
}
"""
